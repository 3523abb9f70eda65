import hashlib
import json
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from inkling import Reader
from inkling.acceptance import TARGET_ACCURACY
from inkling.errors import BundleError
from inkling.reading import bundle
from inkling.reading.session import Session


@pytest.fixture
def folder(tmp_path):
    """A copy of the bundle that ships."""
    shutil.copytree(bundle.PRETRAINED, tmp_path / "bundle")
    return tmp_path / "bundle"


def replace_model(folder, content):
    """Put another graph into a bundle, its digest in the card."""
    (folder / bundle.MODEL).write_bytes(content)
    change_card(folder, model_sha256=hashlib.sha256(content).hexdigest())


def change_card(folder, **values):
    path = folder / bundle.CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refused(folder):
    with pytest.raises(BundleError) as caught:
        Reader.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_card_shows_when_it_accepts(folder):
    card, _ = bundle.read(folder)
    assert "accepts from a confidence of" in card._repr_html_()
    assert "accepts" not in card.model_copy(update={"acceptance": None})._repr_html_()


def test_what_is_written_is_read(folder, tmp_path):
    card, model = bundle.read(folder)
    bundle.write(tmp_path / "other", card, model)
    assert bundle.read(tmp_path / "other") == (card, model)
    assert bundle.read(tmp_path / "bundle") == (card, model)


def test_a_runs_folder_stands_for_its_bundle(folder):
    assert bundle.find(folder.parent) == folder


def test_the_bundle_of_numbers_beside_one_of_digits_is_its_own_or_the_one_that_ships(folder):
    shutil.rmtree(folder / "numbers", ignore_errors=True)
    assert bundle.numbers_of(folder) == bundle.NUMBERS
    assert not (Reader.load(folder).save(folder.parent / "plain") / "numbers").exists()
    shutil.copytree(bundle.NUMBERS, folder / "numbers")
    assert bundle.numbers_of(folder) == folder / "numbers"
    saved = Reader.load(folder).save(folder.parent / "whole")
    assert bundle.read(saved / "numbers", "lines") == bundle.read(bundle.NUMBERS, "lines")


def test_the_card_holds_what_the_design_asks(folder):
    card, model = bundle.read(folder)
    assert card.model_sha256 == hashlib.sha256(model).hexdigest()
    assert card.recipe["name"] == "digits"
    assert card.dataset == "mnist"
    assert card.classes == tuple("0123456789")
    assert set(card.versions) >= {"python", "torch", "onnxruntime"}
    assert len([name for name in card.data_sha256 if "/" not in name]) == 4  # MNIST's
    assert {"unipen/digits-train", "pendigits/digits-train"} < set(card.data_sha256)
    assert not any(name.startswith("crohme") for name in card.data_sha256)
    assert {one.licence for one in card.attribution if one.dataset == "unipen"} == {"CC BY 4.0"}
    assert card.test.n == 10_000
    assert card.parameters <= 250_000


def test_the_promise_is_of_people_whose_digits_were_not_trained_on(folder):
    acceptance = bundle.read(folder)[0].acceptance
    assert {source.name for source in acceptance.sources} == {
        "mnist:validation", "unipen:dev-cleaned", "crohme:dev",
    }  # fmt: skip
    assert acceptance.n == sum(source.n for source in acceptance.sources)
    (chosen,) = (p for p in acceptance.curve if p.confidence == acceptance.min_confidence)
    assert chosen.guaranteed >= TARGET_ACCURACY
    for source in acceptance.sources:
        assert source.accepted_interval[0] <= source.accepted_accuracy
        assert source.coverage > 0.9


def test_cards_of_older_schemas_are_read_as_ones_of_today(folder):
    card, model = bundle.read(folder)
    old = json.loads(card.model_dump_json())
    acceptance = old["acceptance"]
    for point in acceptance["curve"]:
        del point["guaranteed"]
    del acceptance["sources"], old["attribution"]
    (folder / bundle.CARD).write_text(json.dumps(old | {"schema_version": 3}))
    third = bundle.read(folder)[0]
    for point in third.acceptance.curve:  # what was observed was promised
        assert point.guaranteed == min(point.accuracy, 1 - 0.5 / acceptance["n"])
    acceptance["confidence"] = acceptance.pop("min_confidence")
    acceptance["evidence"] = -acceptance.pop("max_ood_score")
    (folder / bundle.CARD).write_text(json.dumps(old | {"schema_version": 2}))
    assert bundle.read(folder) == (third, model)
    del old["acceptance"]
    (folder / bundle.CARD).write_text(json.dumps(old | {"schema_version": 1}))
    assert bundle.read(folder)[0].acceptance is None


def test_a_card_of_schema_4_keeps_its_promise(folder):
    card, model = bundle.read(folder)
    old = json.loads(card.model_dump_json(exclude={"reads", "reports"})) | {"schema_version": 4}
    (folder / bundle.CARD).write_text(json.dumps(old))
    assert bundle.read(folder) == (card.model_copy(update={"reports": {}}), model)


def test_the_card_reports_on_people_whose_digits_were_not_trained_on(folder):
    card = bundle.read(folder)[0]
    assert {name: report.n for name, report in card.reports.items()} == {
        "CROHME dev": 16_679, "UNIPEN dev": 2_796,
    }  # fmt: skip
    for report in card.reports.values():
        assert np.sum(report.confusion) == report.n
        assert np.trace(report.confusion) / report.n > 0.98


def test_a_graph_without_a_score_is_read_by_its_logits(folder):
    replace_model(folder, model(plain_nodes(), weights=[WEIGHTS]))
    reader = Reader.load(folder)
    images = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    logits = images.reshape(3, -1).sum(1)  # of every class, as the weights are 1
    expected = -(logits * reader.card.temperature + np.log(10))
    np.testing.assert_allclose(reader.session.run(images).ood_scores, expected, rtol=1e-5)


def test_no_bundle_is_told(tmp_path):
    assert "found none" in refused(tmp_path / "nothing")


def test_a_changed_model_is_refused(folder):
    content = bytearray((folder / bundle.MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / bundle.MODEL).write_bytes(content)
    assert "SHA-256" in refused(folder)


def test_a_missing_model_is_told(folder):
    (folder / bundle.MODEL).unlink()
    assert "model.onnx" in refused(folder)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "other text"),
        ("[]", "other text"),
        ("{}", "other text"),
        ("[" * 100_000, "other text"),
        ('{"schema_version": 8}', "expected schema version 1 to 7, got 8"),
        ('{"schema_version": 1}', "Field required"),
    ],
)
def test_other_cards_are_refused(folder, text, what):
    (folder / bundle.CARD).write_text(text)
    assert what in refused(folder)


def test_a_card_with_a_wrong_value_names_it(folder):
    change_card(folder, temperature="hot")
    assert "temperature" in refused(folder)


def graph(nodes, inputs=(1, 28, 28), outputs=("logits", "probabilities"), weights=()):
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", *inputs])
    results = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 10]) for n in outputs]
    return helper.make_graph(nodes, "g", [image], results, list(weights))


def model(nodes, domains=("",), **parts):
    opsets = [helper.make_opsetid(domain, 20 if not domain else 1) for domain in domains]
    made = helper.make_model(graph(nodes, **parts), opset_imports=opsets, ir_version=10)
    return made.SerializeToString()


def plain_nodes(domain="", operator="MatMul"):
    return [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node(operator, ["flat", "weights"], ["logits"], domain=domain),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]


WEIGHTS = onnx.numpy_helper.from_array(np.ones((784, 10), np.float32), "weights")


def test_a_plain_graph_is_taken(folder):
    replace_model(folder, model(plain_nodes(), weights=[WEIGHTS]))
    images = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    np.testing.assert_allclose(Reader.load(folder).probabilities(images), 0.1, atol=1e-6)


def test_external_data_is_refused(folder):
    outside = onnx.TensorProto()
    outside.CopyFrom(WEIGHTS)
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    replace_model(folder, model(plain_nodes(), weights=[outside]))
    assert "external data" in refused(folder)


def test_data_of_the_graph_itself_may_say_so(folder):
    own = onnx.TensorProto()
    own.CopyFrom(WEIGHTS)
    own.data_location = TensorProto.DEFAULT
    content = model(plain_nodes(), weights=[own])
    assert content != model(plain_nodes(), weights=[WEIGHTS])
    replace_model(folder, content)
    Reader.load(folder)


def test_external_data_is_refused_wherever_it_is_said_to_be(folder):
    outside = onnx.TensorProto()
    outside.CopyFrom(WEIGHTS)
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    replace_model(folder, model(plain_nodes(), weights=[outside]))
    assert "external data" in refused(folder)


def test_external_data_in_a_subgraph_is_refused(folder):
    outside = onnx.TensorProto(name="c", data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    constant = helper.make_node("Constant", [], ["c"], value=outside)
    branch = helper.make_graph([constant], "b", [], [])
    choice = helper.make_node("If", ["condition"], ["c"], then_branch=branch, else_branch=branch)
    replace_model(folder, model([*plain_nodes(), choice], weights=[WEIGHTS]))
    assert "external data" in refused(folder)


def test_external_data_in_a_sparse_attribute_is_refused(folder):
    outside = onnx.TensorProto(data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    node = helper.make_node("Identity", ["images"], ["x"])
    attribute = node.attribute.add(name="sparse", type=onnx.AttributeProto.SPARSE_TENSORS)
    attribute.sparse_tensors.add().values.CopyFrom(outside)
    replace_model(folder, model([*plain_nodes(), node], weights=[WEIGHTS]))
    assert "external data" in refused(folder)


def test_onnx_runtimes_own_format_does_not_pass_as_a_graph(tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    plain = model(plain_nodes(), weights=[WEIGHTS])
    onnxruntime.InferenceSession(plain, options, providers=["CPUExecutionProvider"])
    content = (tmp_path / "model.ort").read_bytes()
    onnxruntime.InferenceSession(content)  # it would run this
    with pytest.raises(BundleError):
        Session(content, 10)


@pytest.mark.parametrize("domain", ["com.microsoft", "my.own"])
def test_custom_operators_are_refused(folder, domain):
    nodes = plain_nodes(domain, "FusedMatMul")
    replace_model(folder, model(nodes, domains=("", domain), weights=[WEIGHTS]))
    assert "custom operators" in refused(folder)


def test_functions_of_the_model_are_refused(folder):
    made = onnx.ModelProto.FromString(model(plain_nodes(), weights=[WEIGHTS]))
    made.functions.append(
        helper.make_function("my.own", "f", ["x"], ["y"], [], [helper.make_opsetid("", 20)])
    )
    replace_model(folder, made.SerializeToString())
    assert "custom operators" in refused(folder)


@pytest.mark.parametrize("parts", [{"inputs": (3, 28, 28)}, {"outputs": ("probabilities",)}])
def test_other_shapes_are_refused(folder, parts):
    replace_model(folder, model(plain_nodes(), weights=[WEIGHTS], **parts))
    assert "Expected a graph" in refused(folder)


def test_graphs_of_another_type_or_a_fixed_batch_are_refused(folder):
    made = onnx.ModelProto.FromString(model(plain_nodes(), weights=[WEIGHTS]))
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    replace_model(folder, made.SerializeToString())
    assert "batches of any size" in refused(folder)
    made = onnx.ModelProto.FromString(model(plain_nodes(), weights=[WEIGHTS]))
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    made.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.ones((784, 10)), "weights"))
    replace_model(folder, made.SerializeToString())
    assert "float32" in refused(folder)


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff" * 100, b"PK\3\4", b"\x38\x01"])
def test_other_bytes_are_refused(folder, content):
    replace_model(folder, content)
    refused(folder)
