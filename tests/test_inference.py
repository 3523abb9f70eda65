"""The Open Inference Protocol, asked for by Triton's own client."""

import json

import httpx
import numpy as np
import pytest
from conftest import answering, missing
from test_web import write_bundle

from inkling import Reader, __version__, ink
from inkling.ink import lines
from inkling.reading import bundle
from inkling.reading.registry import Registry

try:
    import tritonclient.http as triton
    from tritonclient.utils import InferenceServerException
except ModuleNotFoundError:
    triton = None

VERSION = Reader.load().card.model_sha256[:12]


@pytest.fixture
def client(server):
    """Triton's client of a running server."""
    if triton is None:
        missing("Triton's client is not here: pip install 'tritonclient[http]'")
    with triton.InferenceServerClient(server.removeprefix("http://")) as client:
        yield client


@pytest.fixture(scope="module")
def said(digits):
    """What the Reader says of MNIST's first test images."""
    return Reader.load().read_images(digits[:50, None].astype(np.float32) / 255)


def tensor(name, values, datatype="FP32", binary=True):
    given = triton.InferInput(name, list(values.shape), datatype)
    return given.set_data_from_numpy(values, binary_data=binary)


def wanted(name, binary=True, **options):
    return triton.InferRequestedOutput(name, binary_data=binary, **options)


def test_the_server_and_its_models_are_described(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata() == {
        "name": "inkling",
        "version": __version__,
        "extensions": ["binary_tensor_data", "classification"],
    }
    for name in ("digits", "pretrained", "numbers"):
        assert client.is_model_ready(name)
    digits, numbers = client.get_model_metadata("digits"), client.get_model_metadata("numbers")
    assert digits["versions"] == [VERSION]
    assert digits["platform"] == "onnxruntime_onnx"
    assert digits == client.get_model_metadata("digits", VERSION)
    assert digits["inputs"] == [{"name": "images", "datatype": "FP32", "shape": [-1, 1, 28, 28]}]
    assert {
        output["name"]: (output["datatype"], output["shape"]) for output in digits["outputs"]
    } == {
        "probabilities": ("FP32", [-1, 10]),
        "label": ("INT64", [-1]),
        "ood_score": ("FP32", [-1]),
        "accepted": ("BOOL", [-1]),
    }
    assert numbers["inputs"] == [{"name": "lines", "datatype": "FP32", "shape": [-1, 1, 32, -1]}]
    listed = client.get_model_repository_index()
    assert [(one["name"], one["state"]) for one in listed] == [
        ("digits", "READY"),
        ("numbers", "READY"),
    ]


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("datatype", ["FP32", "UINT8"])
def test_images_are_read_as_the_reader_reads_them(client, digits, said, binary, datatype):
    images = digits[:50, None]
    if datatype == "FP32":
        images = images / np.float32(255)
    names = ("probabilities", "label", "ood_score", "accepted")
    result = client.infer(
        "digits",
        [tensor("images", images, datatype, binary)],
        outputs=[wanted(name, binary) for name in names],
        request_id="mine",
    )
    assert result.get_response()["id"] == "mine"
    assert result.get_response()["model_version"] == VERSION
    for name, kind, of_reading in (
        ("probabilities", np.float32, lambda reading: reading.probabilities),
        ("label", np.int64, lambda reading: reading.label),
        ("ood_score", np.float32, lambda reading: reading.ood_score),
        ("accepted", bool, lambda reading: reading.accepted),
    ):
        values = result.as_numpy(name)
        assert values.dtype == kind
        assert np.allclose(values, [of_reading(reading) for reading in said], atol=1e-5)


def test_outputs_are_chosen_and_may_be_mixed(client, digits, said):
    given = [tensor("images", digits[:3, None] / np.float32(255))]
    everything = client.infer("pretrained", given)  # all outputs as bytes, unless told
    assert everything.get_response()["model_name"] == "pretrained"
    assert len(everything.get_response()["outputs"]) == 4
    labels = [reading.label for reading in said[:3]]
    assert everything.as_numpy("label").tolist() == labels
    mixed = client.infer(
        "digits",
        given,
        model_version=VERSION,
        outputs=[wanted("label", False), wanted("ood_score"), wanted("accepted", False)],
    )
    outputs = mixed.get_response()["outputs"]
    assert [one["name"] for one in outputs] == ["label", "ood_score", "accepted"]
    assert (outputs[0]["data"], "data" in outputs[1]) == (labels, False)
    assert mixed.as_numpy("accepted").tolist() == [reading.accepted for reading in said[:3]]


@pytest.mark.parametrize("binary", [True, False])
def test_the_likeliest_classes_are_answered_as_texts(client, digits, said, binary):
    given = [tensor("images", digits[:2, None] / np.float32(255))]
    asked = [wanted("probabilities", binary, class_count=2)]
    found = client.infer("digits", given, outputs=asked).as_numpy("probabilities")
    assert found.shape == (2, 2)
    for row, reading in zip(found, said, strict=False):
        texts = [text.decode() if binary else text for text in row]
        assert [int(text.split(":")[1]) for text in texts] == [reading.label, reading.second]
        assert float(texts[0].split(":")[0]) == pytest.approx(reading.confidence, abs=1e-5)
        assert texts[0].endswith(f":{reading.name}")


@pytest.mark.parametrize("binary", [True, False])
def test_lines_are_read_as_the_reader_reads_them(client, binary):
    strokes = [[(x + 300 * i, y) for x, y in [(110, 80), (270, 80), (180, 310)]] for i in range(3)]
    (line,) = lines.of(ink.Drawing(strokes))
    reader = Reader.load()
    number = reader.read_number(ink.Drawing(strokes))
    images = np.stack([line.image, np.zeros_like(line.image)])
    names = ("text", "confidence", "accepted", "log_probabilities")
    found = client.infer(
        "numbers",
        [tensor("lines", images, binary=binary)],
        outputs=[wanted(name, binary) for name in names],
    )
    texts = [text.decode() if binary else text for text in found.as_numpy("text")]
    assert texts == [number.text, ""]
    assert found.as_numpy("confidence")[0] == pytest.approx(number.confidence, abs=1e-4)
    assert found.as_numpy("accepted").tolist() == [number.accepted, False]
    expected = reader.lines.session.log_probabilities(line.image)
    assert np.allclose(found.as_numpy("log_probabilities")[0], expected, atol=1e-4)


def test_one_connection_carries_many_requests(client, digits, said):
    for at in range(20):
        found = client.infer("digits", [tensor("images", digits[at : at + 1, None], "UINT8")])
        assert found.as_numpy("label").tolist() == [said[at].label]
    with pytest.raises(InferenceServerException):
        client.infer("letters", [tensor("images", digits[:1, None], "UINT8")])
    assert client.is_server_live()


def test_what_is_wrong_is_told_in_the_protocols_form(client, digits):
    def refused(model="digits", given=None, **options):
        with pytest.raises(InferenceServerException) as caught:
            client.infer(model, [given or tensor("images", digits[:1, None], "UINT8")], **options)
        return caught.value.status(), caught.value.message()

    floats = np.zeros((1, 1, 28, 28), np.float32)
    wide = tensor("lines", np.zeros((2, 1, 32, 16_001), np.uint8), "UINT8")
    for (status, message), code, what in (
        (refused("letters"), "404", "letters"),
        (refused(model_version="7"), "404", VERSION),
        (refused(given=tensor("lines", floats)), "400", "images"),
        (refused(given=tensor("images", floats[0])), "400", "[1, 28, 28]"),
        (refused(given=tensor("images", floats[:0])), "400", "[0, 1, 28, 28]"),
        (refused(given=tensor("images", floats.repeat(1001, 0))), "400", "1,000"),
        (refused(given=tensor("images", floats + 2)), "400", "0 to 1"),
        (refused(given=tensor("images", floats * np.nan)), "400", "0 to 1"),
        (refused(given=tensor("images", floats.astype(float), "FP64")), "400", "FP64"),
        (refused("numbers", wide), "400", "32,000"),
        (refused(outputs=[wanted("logits")]), "400", "logits"),
        (refused(outputs=[wanted("label", class_count=1)]), "400", "classification"),
    ):
        assert (status, what in message) == (code, True), message
        assert message.startswith("Expected ")


IMAGE = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "FP32", "data": [0.0] * 784}
BYTES = {key: value for key, value in IMAGE.items() if key != "data"} | {"datatype": "UINT8"}


def binary(size, header=None, **values):
    """A request whose one tensor follows as 784 bytes."""
    start = json.dumps({"inputs": [BYTES | {"parameters": {"binary_data_size": size}} | values]})
    length = {"Inference-Header-Content-Length": str(header or len(start))}
    return {"content": start.encode() + bytes(784), "headers": length}


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        ({"content": b""}, "JSON"),
        ({"content": b"{"}, "JSON"),
        ({"json": []}, "JSON"),
        ({"json": {}}, "inputs"),
        ({"json": {"inputs": []}}, "none"),
        ({"json": {"inputs": [IMAGE, IMAGE]}}, "images, images"),
        ({"json": {"inputs": [BYTES]}}, "784 numbers"),
        ({"json": {"inputs": [IMAGE | {"data": [0.0] * 783}]}}, "783"),
        ({"json": {"inputs": [IMAGE | {"data": [[0.0] * 400, [0.0] * 384]}]}}, "784 numbers"),
        ({"json": {"inputs": [IMAGE | {"data": ["seven" * 10**5] + [0] * 10**6}]}}, "784 numbers"),
        ({"json": {"inputs": [IMAGE | {"data": [{}] * 784}]}}, "784 numbers"),
        ({"json": {"inputs": [IMAGE | {"data": [None] * 784}]}}, "0 to 1"),
        ({"json": {"inputs": [IMAGE | {"data": [10**30] * 784}]}}, "0 to 1"),
        ({"json": {"inputs": [IMAGE | {"data": [10**400] * 784}]}}, "784 numbers"),
        ({"json": {"inputs": [IMAGE | {"shape": [1] * 10_000}]}}, "shape"),
        ({"json": {"inputs": [IMAGE | {"name": "x" * 10_000}]}}, "one input"),
        ({"json": {"inputs": [IMAGE], "outputs": [{"name": "label"}] * 5}}, "outputs"),
        ({"json": {"inputs": [BYTES | {"data": [0.5] * 784}]}}, "UINT8"),
        ({"json": {"inputs": [BYTES | {"data": [256] * 784}]}}, "255"),
        ({"json": {"inputs": [IMAGE | {"shape": [-1, 1, 28, 28]}]}}, "-1"),
        ({"json": {"inputs": [IMAGE | {"shape": [10**15, 1, 28, 28]}]}}, "1,000"),
        ({"json": {"inputs": [IMAGE | {"parameters": {"binary_data_size": 784}}]}}, "bytes"),
        (binary(783), "784 bytes"),
        (binary(None), "784 bytes"),
        (binary("784"), "784 bytes"),
        (binary(784, shape=[2, 1, 28, 28]), "1,568 bytes"),
        (binary(784, header=9999), "Inference-Header-Content-Length"),
        (binary(784, header=-1), "Inference-Header-Content-Length"),
        (binary(784, header="9" * 5000), "Inference-Header-Content-Length"),
    ],
)
def test_requests_that_no_client_sends_are_refused_in_one_sentence(server, request_, what):
    answer = httpx.post(f"{server}/v2/models/digits/infer", **request_)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert what in answer.json()["error"]
    assert len(answer.text) < 500


def test_nested_values_flat_values_and_bytes_are_alike(server, digits):
    url, image = f"{server}/v2/models/digits/infer", digits[0]
    asked = {"outputs": [{"name": "label"}], "id": "", "parameters": {"priority": 1}}
    given = binary(784)
    given["content"] = given["content"][:-784] + image.tobytes()
    of_bytes = httpx.post(url, **given).json()["outputs"][1]
    for data in (image.ravel().tolist(), [[image.tolist()]]):
        answer = httpx.post(url, json={"inputs": [BYTES | {"data": data}], **asked}).json()
        assert answer["outputs"] == [of_bytes]
        assert (answer["id"], answer["model_name"]) == ("", "digits")
    assert of_bytes == {"name": "label", "datatype": "INT64", "shape": [1], "data": [7]}


def test_other_paths_answer_in_the_protocols_form_too(server):
    for method, path, status in (
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models/letters", 404),
        ("GET", "/v2/models/letters/ready", 404),
        ("GET", "/v2/models/digits/versions/7/ready", 404),
        ("POST", "/v2/models/letters/infer", 404),
        ("GET", "/v2/models/digits/infer", 404),
    ):
        answer = httpx.request(method, server + path)
        assert (answer.status_code, set(answer.json())) == (status, {"error"}), path
    large = httpx.post(f"{server}/v2/models/digits/infer", content=bytes(10_000_001))
    assert (large.status_code, set(large.json())) == (413, {"error"})


def test_what_is_served_is_what_is_asked(tmp_path):
    write_bundle(tmp_path / "runs" / "mine" / "bundle", acceptance=None)
    registry = Registry(tmp_path / "home", tmp_path / "runs")
    with answering(tmp_path) as client:
        assert client.get("/v2/models/runs/mine").status_code == 404
        registry.choose("runs/mine")
        assert client.get("/v2/models/pretrained").status_code == 404
        for path in ("/v2/models/runs/mine", f"/v2/models/runs/mine/versions/{VERSION}"):
            outputs = [one["name"] for one in client.get(path).json()["outputs"]]
            assert outputs == ["probabilities", "label", "ood_score"]  # it cannot say
        answer = client.post("/v2/models/runs/mine/infer", json={"inputs": [IMAGE]}).json()
        assert [one["name"] for one in answer["outputs"]] == outputs
    assert bundle.read(bundle.PRETRAINED)[0].acceptance
