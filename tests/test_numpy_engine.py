"""A graph is run by NumPy as by ONNX Runtime, or refused."""

import os
import pickle
import re
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
import torch
from conftest import invoke
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from test_bundle import WEIGHTS, plain_nodes
from test_bundle import model as plain_model

from inkling import Drawing, Reader
from inkling.errors import BundleError, InklingError
from inkling.ink import SHAPES
from inkling.networks import architectures
from inkling.reading import many
from inkling.reading.numpy_engine import NumpyEngine
from inkling.reading.onnx_runtime import OnnxRuntime
from inkling.reading.session import ENVIRONMENT, Session
from inkling.training import export

GAP = 1e-5  # at most, of probabilities
LINES = st.integers(2, 90).map(lambda columns: 4 * columns)


@pytest.fixture(scope="module")
def readers():
    """The Reader of the bundle that ships, by ONNX Runtime and by NumPy."""
    return [Reader.load(engine=name) for name in ("onnxruntime", "numpy")]


def random(*shape):
    return np.random.default_rng(sum(shape)).random(shape, np.float32)


def drawn(count):
    """Drawings of several strokes."""
    rng = np.random.default_rng(4)
    return [Drawing(rng.integers(0, 300, (3, 9, 2)).tolist()) for _ in range(count)]


def test_digits_are_read_as_by_onnx_runtime(readers, mnist):
    images = mnist.test.images()[:500]
    expected, found = (many.read(reader, images) for reader in readers)
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.accepted == expected.accepted
    assert np.abs(found.probabilities - expected.probabilities).max() < GAP
    np.testing.assert_allclose(found.ood_scores, expected.ood_scores, rtol=0, atol=1e-4)
    logits = [reader.session.logits(images) for reader in readers]
    np.testing.assert_allclose(*logits, rtol=0, atol=1e-4)
    assert [reader.session.model for reader in readers] == [readers[0].session.model] * 2


def test_numbers_are_read_as_by_onnx_runtime(readers):
    for drawing in drawn(20):
        expected, found = (reader.read_number(drawing) for reader in readers)
        assert (found.text, found.accepted) == (expected.text, expected.accepted)
        assert found.confidence == pytest.approx(expected.confidence, abs=GAP)


@settings(max_examples=15)
@given(columns=LINES)
def test_a_line_of_any_width(readers, columns):
    line = random(1, 32, columns)
    found = [np.exp(one.lines.session.log_probabilities(line)) for one in readers]
    np.testing.assert_allclose(*found, rtol=0, atol=GAP)


def test_takes_and_gives_are_those_of_onnx_runtime(readers):
    for name in ("takes", "gives"):
        assert len({str(getattr(one.session, name)) for one in readers}) == 1
        assert len({str(getattr(one.lines.session, name)) for one in readers}) == 1


def test_no_images_give_nothing(readers):
    for reader in readers:
        assert reader.probabilities(random(0, 1, 28, 28)).shape == (0, 10)


def test_many_images_need_the_memory_of_few(readers):
    images = random(1000, 1, 28, 28)
    tracemalloc.start()
    whole = readers[1].session.run(images).probabilities
    assert tracemalloc.get_traced_memory()[1] < 30e6  # bytes; all at once, it would be 200 MB
    tracemalloc.stop()
    few = readers[1].session.run(images[990:]).probabilities
    np.testing.assert_allclose(whole[990:], few, rtol=0, atol=1e-6)


def test_it_may_be_shared_by_threads_and_sent_to_processes(readers):
    reader, images = readers[1], random(16, 1, 28, 28)
    expected = reader.probabilities(images)
    sent = pickle.loads(pickle.dumps(reader))
    assert (sent.engine, sent.lines.session.engine) == ("numpy", "numpy")
    assert np.array_equal(sent.probabilities(images), expected)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(reader.probabilities, [images] * 40):
            assert np.array_equal(found, expected)


def model_of(nodes, shape, rank, opset=20, outputs=("y",), **arrays):
    """The file of a graph from x, of a shape, to y, of so many axes; arrays are its constants."""

    def value(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    constants = [numpy_helper.from_array(np.array(array), name) for name, array in arrays.items()]
    gives = [value(name, [f"{name}{axis}" for axis in range(rank)]) for name in outputs]
    graph = helper.make_graph(nodes, "graph", [value("x", ["N", *shape[1:]])], gives, constants)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def check_same(model, x):
    """NumPy gives what ONNX Runtime gives."""
    found, expected = (
        kind(model, 1).run(["y"], {"x": x})[0] for kind in (NumpyEngine, OnnxRuntime)
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


COUNT, STEP = st.integers(1, 4), st.integers(1, 3)
BORDER = st.lists(st.integers(0, 3), min_size=4, max_size=4)


@settings(max_examples=40)
@given(st.data(), COUNT, COUNT, COUNT, st.tuples(COUNT, COUNT), BORDER, st.tuples(STEP, STEP))
def test_any_convolution(draw, count, channels, kernels, size, pads, strides):
    x = random(count, channels, draw.draw(st.integers(4, 9)), draw.draw(st.integers(4, 9)))
    arrays = {"weights": random(kernels, channels, *size) - 0.5}
    if draw.draw(st.booleans()):
        arrays["bias"] = random(kernels)
    node = helper.make_node("Conv", ["x", *arrays], ["y"], pads=pads, strides=strides)
    check_same(model_of([node], x.shape, 4, **arrays), x)


@settings(max_examples=40)
@given(st.data(), COUNT, st.tuples(COUNT, COUNT), st.tuples(STEP, STEP))
def test_any_maximum_of_windows(draw, channels, size, strides):
    x = random(2, channels, draw.draw(st.integers(4, 9)), draw.draw(st.integers(4, 9))) - 0.5
    pads = [draw.draw(st.integers(0, side - 1)) for side in (*size, *size)]
    settings = {"kernel_shape": size, "pads": pads, "strides": strides}
    check_same(model_of([helper.make_node("MaxPool", ["x"], ["y"], **settings)], x.shape, 4), x)


X = (8, 3, 4, 5)  # the shape of what the operators below are given
HALVES = np.float32([0.5, 1.5, -2.5, 3.5, 0.25])
OPERATORS = [  # operator, its other inputs, its settings, the axes of what it gives
    *[(name, [], {}, 4) for name in ("Gelu", "Identity", "Neg", "Relu", "Sigmoid", "Sqrt", "Tanh")],
    ("Conv", [random(2, 3, 2, 2)], {}, 4),
    ("MaxPool", [], {"kernel_shape": (2, 3)}, 4),
    ("GlobalAveragePool", [], {}, 4),
    *[(name, [HALVES], {}, 4) for name in ("Add", "Div", "Mul", "Sub")],
    *[(name, [], {"axis": axis}, 4) for name in ("LogSoftmax", "Softmax") for axis in (1, 2, -1)],
    ("BatchNormalization", list(random(4, 3)), {"epsilon": 0.01, "momentum": 0.8}, 4),
    ("Concat", [np.ones((8, 1, 4, 5), np.float32)], {"axis": 1}, 4),
    ("Flatten", [], {}, 2),
    ("Flatten", [], {"axis": 3}, 2),
    ("MatMul", [random(5, 7)], {}, 4),
    ("Pad", [[0, 0, 1, 2, 0, 0, 3, 0]], {"mode": "constant"}, 4),
    ("Pad", [[0, 1, 0, 0, 0, 0, 0, 1], np.float32(2)], {}, 4),
    *[(f"Reduce{name}", [axes], {"keepdims": keep}, 4 if keep else 4 - len(axes))
      for name in ("LogSumExp", "Max", "Mean") for axes in ([1], [-1, 2]) for keep in (0, 1)],
    ("ReduceMean", [], {}, 4),
    ("Reshape", [[0, -1]], {}, 2),
    ("Reshape", [[-1, 60]], {"allowzero": 1}, 2),
    ("Slice", [[1, -3], [4, -1], [2, 3]], {}, 4),
    ("Slice", [[-1], [-(2**63)], [3], [-1]], {}, 4),
    ("Slice", [[0, 3, 9], [9, -9, 0], [1, 2, 3], [2, -2, -1]], {}, 4),
    ("Slice", [[0, 1], [2, 3]], {}, 4),
    ("Transpose", [], {}, 4),
    ("Transpose", [], {"perm": [0, 3, 1, 2]}, 4),
    ("Unsqueeze", [[0, -1]], {}, 6),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "inputs", "values", "rank"), OPERATORS)
def test_an_operator(operator, inputs, values, rank):
    x = random(*X)
    arrays = {f"a{place}": value for place, value in enumerate(inputs)}
    node = helper.make_node(operator, ["x", *arrays], ["y"], **values)
    check_same(model_of([node], x.shape, rank, **arrays), x)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4)])
@pytest.mark.parametrize("bias", [{}, {"bias": random(4)}])
def test_a_dense_layer(shape, bias):
    x, transposed = random(3, 7), int(shape == (4, 7))
    node = helper.make_node("Gemm", ["x", "weights", *bias], ["y"], transB=transposed)
    check_same(model_of([node], x.shape, 2, weights=random(*shape), **bias), x)


def test_axes_as_a_setting_and_none():
    """Before version 18 of ONNX's operators, the axes of a mean were a setting."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3]),
        helper.make_node("Squeeze", ["mean", "last"], ["one"]),
        helper.make_node("Squeeze", ["one"], ["y"]),
    ]
    check_same(model_of(nodes, X, 2, 13, last=[-1]), random(*X))


@pytest.mark.parametrize(("name", "views"), [("sprint", "flip"), ("cifar", "none")])
def test_the_networks_of_other_recipes(name, views):
    """Between them, they have all that networks of recipes are made of."""
    shape = SHAPES["picture" if name == "cifar" else "digit"]
    network = architectures.build(name, 10, torch.Generator().manual_seed(1), shape)
    content = export.to_onnx(architectures.Averaged(network.eval(), views), 0.7, shape)
    images = random(40, *shape)
    pair = [Session(content, 10, shape=shape, engine=name) for name in ("onnxruntime", "numpy")]
    expected, found = (session.run(images) for session in pair)
    assert np.abs(found.probabilities - expected.probabilities).max() < GAP
    assert np.abs(found.ood_scores - expected.ood_scores).max() < GAP


def test_a_graph_of_before_0_7_0_that_gives_no_score():
    content = plain_model(plain_nodes(), weights=[WEIGHTS])
    pair = [Session(content, 10, 1, 2.0, engine=name) for name in ("onnxruntime", "numpy")]
    expected, found = (session.run(random(3, 1, 28, 28)) for session in pair)
    np.testing.assert_allclose(found.ood_scores, expected.ood_scores, rtol=1e-6)


def refused(content):
    """The one line that says why NumPy does not run a graph."""
    with pytest.raises(BundleError) as caught:
        NumpyEngine(content, 1)
    assert "\n" not in str(caught.value)
    assert "onnxruntime" in caught.value.hint
    return caught.value.error


ONES = np.ones((2, 3, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("node", "arrays", "why"),
    [
        (("DequantizeLinear", ["x", "w"], ["y"]), {"w": np.float32(2)}, "got DequantizeLinear"),
        (("HardSwish", ["x"], ["y"]), {}, "got HardSwish"),
        (("Conv", ["x", "w"], ["y"], {"dilations": [2, 2]}), {"w": ONES}, r"Conv with dilations"),
        (("Conv", ["x", "w"], ["y"], {"group": 3}), {"w": ONES[:, :1]}, "Conv with group=3"),
        (("Conv", ["x", "w"], ["y"], {"auto_pad": "SAME_UPPER"}), {"w": ONES}, "auto_pad=b'SAME"),
        (("MaxPool", ["x"], ["y"], {"kernel_shape": [2, 2], "ceil_mode": 1}), {}, "ceil_mode=1"),
        (("MaxPool", ["x"], ["y", "z"], {"kernel_shape": [2, 2]}), {}, "got MaxPool"),
        (("Pad", ["x", "w"], ["y"], {"mode": "reflect"}), {"w": [0] * 8}, "mode=b'reflect'"),
        (("Reshape", ["x", "w"], ["y"]), {"w": [1, 3, 4, 5]}, "a broken one"),  # a batch of one
        (("Add", ["w", "w", "x"], ["y"]), {"w": ONES}, "Add of 3"),  # NumPy would write to x
        (("Relu", ["none"], ["y"]), {}, "a broken one"),
        (("Flatten", ["x"], ["y"]), {}, "a broken one"),  # of other axes than it says
        (("Add", ["x", "w"], ["y"]), {"w": np.float64(2)}, "the constant w of another type"),
    ],
)
def test_what_it_does_not_know_is_refused(node, arrays, why):
    operator, inputs, outputs, *values = node
    made = helper.make_node(operator, inputs, outputs, **(values[0] if values else {}))
    assert re.search(why, refused(model_of([made], (2, 3, 4, 5), 4, **arrays)))


def test_operators_of_old_and_broken_files_are_refused():
    node = helper.make_node("Softmax", ["x"], ["y"])
    assert "version 11 of ONNX's operators" in refused(model_of([node], X, 4, opset=11))
    for content in (b"", b"\x38\x01", model_of([node], X, 4)[:-20]):
        assert "a broken one" in refused(content)
    whole = [helper.make_node("Sqrt", ["x"], ["y"])]
    wrong = onnx.ModelProto.FromString(model_of(whole, X, 4))
    wrong.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 9
    assert "something else than it says" in refused(wrong.SerializeToString())


def test_it_is_chosen_where_onnx_runtime_cannot_be_imported(tmp_path):
    """A library of the system is missing, as on machines that its makers do not know."""
    broken = tmp_path / "onnxruntime" / "__init__.py"
    broken.parent.mkdir()
    broken.write_text("raise OSError('libfoo.so: cannot open shared object file')")
    code = """
import inkling
reader = inkling.Reader.load()
strokes = [[(110, 80), (270, 80), (180, 310)]]
print(reader.engine, reader.read(inkling.Drawing(strokes)).label)
try:
    inkling.Reader.load(engine="onnxruntime")
except inkling.InklingError as error:
    print(error.error)
"""
    path = os.pathsep.join([str(tmp_path), *sys.path])
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second = said.stdout.splitlines()
    assert first == "numpy 7"
    assert "cannot be imported: libfoo.so: cannot open" in second


def test_the_environment_names_the_engine():
    """ONNX Runtime, whose import may end a process, is left alone then."""
    code = "import sys, inkling; print(inkling.Reader.load().engine, 'onnxruntime' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {ENVIRONMENT: "numpy"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "numpy False\n"


def test_an_argument_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT, "numpy")
    assert Reader.load().engine == "numpy"
    assert Reader.load(engine="onnxruntime").engine == "onnxruntime"
    monkeypatch.setenv(ENVIRONMENT, "nunpy")
    with pytest.raises(
        InklingError, match=r"\(onnxruntime, numpy\), got 'nunpy'\. Perhaps you meant"
    ):
        Reader.load()
    assert invoke("test", "--dataset", "optdigits").stderr.count("\n") == 1
    monkeypatch.delenv(ENVIRONMENT)
    assert Reader.load().engine == "onnxruntime"
