"""A bundle of 8 bits reads nearly as the one of float32."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import ROOT, invoke
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from test_strokes import unipen

import inkling
from inkling import Drawing, Reader, data, exports
from inkling.data import datasets
from inkling.errors import BundleError, InklingError, RunError
from inkling.exports import onnx_int8
from inkling.networks import architectures
from inkling.reading import bundle
from inkling.reading.onnx_check import refuse_foreign_parts
from inkling.reading.session import Session
from inkling.training import export, finetune

KEPT = "Thresholds stay as they were"
TWELVE = Drawing([[(10, 10), (10, 90)], [(40, 30), (60, 10), (80, 30), (40, 90), (80, 90)]], 5)


@pytest.fixture(scope="module")
def only_mnist(mnist, tmp_path_factory):
    """A folder of data sets that has MNIST alone."""
    folder, dataset = tmp_path_factory.mktemp("data"), data.get(mnist.name)
    folder.joinpath("mnist").symlink_to(datasets.locate(dataset, dataset.files[0]).parent)
    return folder


@pytest.fixture(scope="module")
def written(only_mnist, tmp_path_factory):
    """The bundle that ships with 8 bits, made where MNIST is the only data set."""
    folder = tmp_path_factory.mktemp("8") / "int8"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INKLING_DATA", str(only_mnist))
        said = invoke("export", "--to", "onnx-int8", str(folder))
    (folder.parent / "said").write_text(said.stdout)
    assert said.returncode == 0, said.stderr
    return folder


def test_a_quarter_of_the_bytes_reads_as_well(written, mnist):
    before, after = Reader.load(), Reader.load(written)
    for old, new in ((before, after), (before.lines, after.lines)):
        assert len(new.session.model) < 0.3 * len(old.session.model)
    part = mnist.test[:2000]
    old, new = before.test(part), after.test(part)
    assert (old.probabilities.argmax(1) == new.probabilities.argmax(1)).mean() > 0.995
    assert new.accuracy > old.accuracy - 0.001
    assert new.measures.calibration_error < old.measures.calibration_error + 0.002
    assert before.read_number(TWELVE).text == after.read_number(TWELVE).text == "12"


def test_the_card_has_the_figures_of_this_graph(written, mnist):
    reader, shipped = Reader.load(written), Reader.load()
    assert reader.card.test == reader.test(mnist.test).measures
    assert reader.card.validation == reader.test(mnist.validation).measures
    assert reader.card.reports == {}
    assert reader.card.temperature == shipped.card.temperature
    assert reader.lines.card.test.n == onnx_int8.TESTED // onnx_int8.ROW
    assert reader.lines.card.test.accuracy > 0.9


def test_thresholds_stay_where_a_source_is_not_here(written):
    reader, shipped = Reader.load(written), Reader.load()
    assert reader.card.acceptance == shipped.card.acceptance
    assert reader.lines.card.acceptance == shipped.lines.card.acceptance


@pytest.mark.slow
def test_thresholds_are_fitted_again_where_every_source_is_here(only_mnist, tmp_path, monkeypatch):
    unipen(tmp_path)
    (tmp_path / "crohme").mkdir()
    for kind in ("digits", "symbols", "numbers"):
        file = f"{kind}-dev.jsonl.gz"
        (tmp_path / "crohme" / file).write_bytes((tmp_path / "unipen" / file).read_bytes())
    monkeypatch.setenv("INKLING_DATA", f"{only_mnist}{os.pathsep}{tmp_path}")
    result = invoke("export", "--to", "onnx-int8", str(tmp_path / "int8"))
    assert "Thresholds are fitted again." in result.stdout, result.stderr
    reader = Reader.load(tmp_path / "int8")
    names = ["mnist:validation", "unipen:dev-cleaned", "crohme:dev"]
    assert [source.name for source in reader.card.acceptance.sources] == names
    assert reader.card.acceptance.n == 5000 + 2 * 80
    assert reader.lines.card.acceptance.n == 2 * 8
    for name in (*names, "unipen:numbers-dev", "crohme:numbers-dev"):
        assert name in result.stdout


def test_a_saved_or_sent_reader_keeps_its_own_numbers(written, tmp_path):
    reader = Reader.load(written)
    saved = Reader.load(reader.save(tmp_path / "saved"))
    sent = pickle.loads(pickle.dumps(Reader.load(written)))
    digest = reader.lines.card.model_sha256
    assert digest != Reader.load().lines.card.model_sha256
    assert saved.lines.card.model_sha256 == sent.lines.card.model_sha256 == digest


def test_numbers_of_its_own_are_checked_as_any_bundle(written, tmp_path):
    reader = Reader.load(Reader.load(written).save(tmp_path / "changed"))
    model = tmp_path / "changed" / "numbers" / bundle.MODEL
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(BundleError, match="expected SHA-256"):
        reader.read_number(TWELVE)


def test_the_command_says_sizes_accuracies_and_what_became_of_thresholds(written):
    first, *lines = (written.parent / "said").read_text().splitlines()
    assert first == str(written)
    sizes = [f"{(written / name / bundle.MODEL).stat().st_size:,}" for name in (".", "numbers")]
    rows = {(words := line.split())[0]: words[1:] for line in lines[1:-1]}
    assert rows["digits,"][-1] == sizes[0]
    assert rows["numbers,"][-1] == sizes[1]
    assert rows["mnist:test"][0] == "10,000"
    assert all(share.endswith("%") for share in rows["mnist:validation"][1:])
    assert lines[-1].startswith(KEPT)
    again = invoke("export", "--to", "onnx-int8", str(written))
    assert (again.returncode, again.stdout) == (1, "")
    assert "expected a new folder, but a bundle is there. Name another." in again.stderr


def test_what_cannot_be_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = invoke("export", "--to", "onnx-int8", str(tmp_path / "int8"))
    assert result.returncode == 1
    assert result.stderr.endswith("Fetch it with: inkling data fetch mnist.\n")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "int8").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="expected a new folder, but a file is there"):
        inkling.export(Reader.load(), "onnx-int8", tmp_path / "file")


@pytest.mark.usefixtures("mnist")
def test_what_needs_float32_refuses_8_bits(written, tmp_path):
    reader = Reader.load(written)
    with pytest.raises(InklingError, match="Expected a bundle of float32, got one of 8 bits"):
        inkling.export(reader, "onnx-int8", tmp_path / "twice")
    with pytest.raises(RunError, match="Expected a bundle of float32 to train on"):
        finetune.load(written)
    with pytest.raises(InklingError, match="got DequantizeLinear"):
        inkling.export(reader, "c", tmp_path / "c")


@pytest.mark.slow
def test_a_bundle_that_reads_no_digits_has_no_numbers(only_mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("INKLING_DATA", str(only_mnist))
    shipped = Reader.load()
    garments = Reader(shipped.card.model_copy(update={"frame": "garment"}), shipped.session)
    folder = inkling.export(garments, "onnx-int8", tmp_path / "int8")
    assert {path.name for path in folder.iterdir()} == {bundle.MODEL, bundle.CARD}
    assert [one.n for one in onnx_int8.compare(garments, Reader.load(folder))][:2] == [10000, 5000]


def test_without_onnx_it_names_the_extra(tmp_path):
    program = f"""
import sys
sys.modules["onnx"] = None
import inkling
inkling.export(inkling.Reader.load(), "onnx-int8", {str(tmp_path / "8")!r})
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    last = result.stderr.splitlines()[-1]
    assert "This export needs onnx, which is not installed" in last
    assert "pip install 'inkling-reader[train]'" in last


def network(rng, channels, kernel, classes):
    """A small graph of a convolution and a dense layer, and images for it."""
    side = 9 - kernel
    arrays = {
        "kernel": rng.normal(size=(channels, 1, kernel, kernel)),
        "weights": rng.normal(size=(classes, channels * side * side)) * rng.uniform(0.1, 10),
        "bias": rng.normal(size=classes),
    }
    arrays["kernel"][0] = np.abs(arrays["kernel"][0])  # else, all may be below 0 after it
    nodes = [
        helper.make_node("Conv", ["images", "kernel"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "weights", "bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        [numpy_helper.from_array(array.astype(np.float32), n) for n, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return model.SerializeToString(), rng.random((50, 1, 8, 8), np.float32)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 3), st.integers(2, 12))
@settings(max_examples=20)
def test_rounding_moves_outputs_by_little_whatever_the_weights(seed, channels, kernel, classes):
    model, images = network(np.random.default_rng(seed), channels, kernel, classes)
    found = onnx_int8.quantised(model, "images", [images])
    assert found == onnx_int8.quantised(model, "images", [images])
    refuse_foreign_parts(found, Path("here"))
    before, after = (
        onnxruntime.InferenceSession(one, providers=["CPUExecutionProvider"]).run(
            None, {"images": images}
        )[0]
        for one in (model, found)
    )
    assert np.abs(after - before).max() < 0.05 * np.abs(before).max()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(architectures.MODELS))
def test_every_network_of_inkling_can_have_8_bits(name):
    shape = (3, 32, 32) if name == "cifar" else architectures.DIGIT
    network = architectures.build(name, 10, torch.Generator().manual_seed(1), shape)
    model = export.to_onnx(network, 0.7, shape)
    images = np.random.default_rng(0).random((100, *shape), np.float32)
    found = onnx_int8.quantised(model, "images", [images])
    before, after = (Session(one, 10, shape=shape).logits(images) for one in (model, found))
    assert len(found) < 0.4 * len(model)
    assert np.abs(after - before).max() < 0.1 * np.abs(before).max()


def test_the_page_on_exports_shows_the_record_of_8_bits():
    page = (ROOT / "docs" / "export.md").read_text()
    found = json.loads((ROOT / "results" / "exports.json").read_text())["onnx-int8"]
    for name in ("digits", "numbers"):
        old, new = found["bytes"][name]
        assert f"| {old:,} | {new:,} |" in page
        assert f"{found['speed'][name]['times_as_fast']} times as fast" in page
    for one in found["sources"]:
        assert f"| {one['n']:,} | {one['before']:.2%} | {one['after']:.2%} |" in page.replace(
            " %", "%"
        )


def test_every_kind_of_export_is_a_module():
    for kind in exports.KINDS:
        assert (ROOT / "inkling" / "exports" / f"{kind.replace('-', '_')}.py").is_file()
