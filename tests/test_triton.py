"""A model repository for Triton: its own schema, and ONNX Runtime, agree with it."""

import json
import re
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from conftest import ROOT, invoke, missing
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_exports import CLASSES, reader_of
from torch import nn

import inkling
from inkling import Reader
from inkling.errors import InklingError
from inkling.exports import triton

try:
    from tritonclient.grpc import model_config_pb2 as schema
except ImportError:
    schema = None

TYPES = {"tensor(float)": "TYPE_FP32"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The bundle that ships, as Triton serves it."""
    return inkling.export(Reader.load(), "triton", tmp_path_factory.mktemp("triton") / "models")


def parsed(text):
    """The config, by the schema that Triton's maker publishes. Unknown fields are errors."""
    if schema is None:
        missing("Triton's schema is not here: pip install tritonclient grpcio")
    return text_format.Parse(text, schema.ModelConfig())


def check_agrees(folder):
    """Names, types and sizes of a config are those of its graph, as ONNX Runtime opens it."""
    config = parsed((folder / "config.pbtxt").read_text())
    assert config.name == folder.name
    assert (config.backend, config.max_batch_size) == ("onnxruntime", triton.MAX_BATCH)
    assert config.HasField("dynamic_batching")
    model = folder / "1" / "model.onnx"
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for said, nodes in (
        (config.input, session.get_inputs()),
        (config.output, session.get_outputs()),
    ):
        assert [tensor.name for tensor in said] == [node.name for node in nodes]
        for tensor, node in zip(said, nodes, strict=True):
            assert schema.DataType.Name(tensor.data_type) == TYPES[node.type]
            batch, *sizes = node.shape
            assert isinstance(batch, str)  # any number, as max_batch_size wants it
            dims = [*(tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims)]
            assert dims == [size if isinstance(size, int) else -1 for size in sizes]
            assert len(tensor.dims) >= 1  # Triton takes no output without
    return config


def test_configs_agree_with_their_graphs(repository):
    reader = Reader.load()
    digits, numbers = (check_agrees(repository / name) for name in ("digits", "numbers"))
    labels = {output.name: output.label_filename for output in digits.output}
    assert labels == {"logits": "labels.txt", "probabilities": "labels.txt", "ood_score": ""}
    lines = (repository / "digits" / "labels.txt").read_text().splitlines()
    assert lines == list(reader.card.classes)
    assert (repository / "digits" / "1" / "model.onnx").read_bytes() == reader.session.model
    assert [*numbers.input[0].dims] == [1, 32, -1]
    assert [*numbers.output[0].dims] == [-1, 24]
    about = {key: value.string_value for key, value in numbers.parameters.items()}
    assert about["characters"] == reader.lines.characters
    about = {key: value.string_value for key, value in digits.parameters.items()}
    assert about["model_sha256"] == reader.card.model_sha256
    assert float(about["min_confidence"]) == reader.card.acceptance.min_confidence
    assert float(about["max_ood_score"]) == reader.card.acceptance.max_ood_score


@given(st.lists(st.text(min_size=1), min_size=2, max_size=5))
def test_any_names_of_classes_make_a_config_and_a_label_a_line(tmp_path_factory, names):
    session = Reader.load().session
    card = Reader.load().card.model_copy(update={"classes": tuple(names), "frame": "garment"})
    folder = tmp_path_factory.mktemp("names")
    triton.write(Reader(card, session), folder)
    lines = (folder / "images" / "labels.txt").read_bytes().decode().split("\n")
    assert len(lines) == len(names) + 1
    check_agrees(folder / "images")


@given(st.text(), st.text())
def test_any_text_stands_in_a_config(name, characters):
    card = Reader.load().lines.card.model_copy(update={"classes": tuple(characters)})
    config = parsed(triton.config(name, card, Reader.load().lines.session))
    assert config.name == name
    assert config.parameters["characters"].string_value == characters


def test_another_network_is_called_images(tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, CLASSES))
    folder = inkling.export(reader_of(network, frame="garment"), "triton", tmp_path)
    assert {path.name for path in folder.iterdir()} == {"README.md", "images"}
    config = check_agrees(folder / "images")
    assert [*config.parameters] == ["model_sha256"]
    assert "`numbers`" not in (folder / "README.md").read_text()


def test_the_readme_asks_what_a_server_of_the_protocol_answers(
    repository, server, digits, tmp_path
):
    readme = (repository / "README.md").read_text().replace("http://127.0.0.1:8000", server)
    Image.fromarray(digits[0].repeat(9, 0).repeat(9, 1)).save(tmp_path / "picture.png")
    said = []
    for language, block in re.findall("```(python|sh)\n(.*?)```", readme, re.DOTALL):
        if "docker" not in block:
            command = [sys.executable, "-c", block] if language == "python" else ["sh", "-c", block]
            result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
            said.append(result.stdout)
    asked, answered, asked_too, kept, text = said
    assert asked == asked_too == kept == ""
    outputs = {each["name"]: each for each in json.loads(answered)["outputs"]}
    assert int(np.argmax(outputs["probabilities"]["data"])) == 7
    assert text.startswith("Candidate(text='7', ")
    for one in Reader.load().card.attribution:
        assert one.citation in readme


@pytest.mark.parametrize("name", ["digits", "numbers"])
def test_what_the_readme_sends_fits_the_config(repository, name):
    config = parsed((repository / name / "config.pbtxt").read_text())
    shape = {"digits": (3, 1, 28, 28), "numbers": (3, 1, 32, 64)}[name]
    session = onnxruntime.InferenceSession(
        repository / name / "1" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {config.input[0].name: np.zeros(shape, np.float32)})
    for output, values in zip(config.output, found, strict=True):
        dims = output.reshape.shape if output.HasField("reshape") else output.dims
        assert len(values.shape) == 1 + len(dims)
        assert all(size in (-1, there) for size, there in zip(dims, values.shape[1:], strict=True))


def test_the_command_writes_it_and_says_in_one_line_what_it_cannot(tmp_path):
    result = invoke("export", "--to", "triton", str(tmp_path / "models"))
    assert result.stdout == f"{tmp_path / 'models'}\n", result.stderr
    (tmp_path / "file").write_text("")
    with pytest.raises(InklingError, match="expected a folder to write to, but"):
        inkling.export(Reader.load(), "triton", tmp_path / "file")


def test_the_page_on_exports_shows_the_config(repository):
    page = (ROOT / "docs" / "export.md").read_text()
    shown = re.search("```protobuf\n(.*?)```", page, re.DOTALL)[1]
    text = (repository / "digits" / "config.pbtxt").read_text()
    assert text.startswith(shown)
