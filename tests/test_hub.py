"""A bundle as a repository of the Hugging Face Hub; a Hub of our own takes it and gives it.

Last, drawings as a data set that describes itself.
"""

import base64
import dataclasses
import hashlib
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from conftest import missing, run_inkling

from inkling import Reader, data
from inkling.drawings import archive
from inkling.drawings.store import Labelled
from inkling.errors import BundleError, InklingError
from inkling.networks import architectures
from inkling.reading import bundle
from inkling.reading import hub as hub_module
from inkling.training import export

try:
    import huggingface_hub
    from huggingface_hub import ModelCard, SpaceCard, constants
    from huggingface_hub.repocard_data import model_index_to_eval_results

    from inkling.exports import hub
    from inkling.networks.hub import Network
except ImportError:
    huggingface_hub = None


@pytest.fixture(autouse=True)
def _installed():
    if huggingface_hub is None:
        missing("huggingface_hub is not here: pip install 'inkling-reader[hub]'")


class Hub(BaseHTTPRequestHandler):
    """As much of the Hub's API as an upload and a download ask for, without large files."""

    commits: dict[str, list[dict[str, bytes]]]  # of each repository: all its files, each time
    sizes: dict[str, int]  # that are told instead of the true ones, by file
    asked: list[str]

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def log_message(self, *_):
        pass

    def _answer(self):
        path = self.path.partition("?")[0].strip("/").replace("%2F", "/")
        self.asked.append(f"{self.command} {path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if self.command == "POST" and token != "writer":
            message = "You don't have the rights to create a model under the namespace"
            return self._send(403, {"error": message}, {"X-Error-Message": message})
        if path == "api/repos/create":
            asked = json.loads(self.body)
            name = f"{asked['organization']}/{asked['name']}"
            code = 409 if name in self.commits else 200
            self.commits.setdefault(name, [{".gitattributes": b""}])
            spaces = "spaces/" if asked.get("type") == "space" else ""
            return self._send(code, {"url": f"{self.base}/{spaces}{name}"})
        if path == "api/validate-yaml":
            return self._send(200, {"warnings": [], "errors": []})
        api = re.fullmatch(
            r"api/(?:models|spaces)/([^/]+/[^/]+)/(preupload|commit|tree)/main", path
        )
        file = re.fullmatch(r"([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if not (api or file) or (api or file)[1] not in self.commits:
            return self._send(404, {"error": "none"}, {"X-Error-Code": "RepoNotFound"})
        commits = self.commits[(api or file)[1]]
        if api:
            return self._send(200, getattr(self, api[2])(commits))
        names = {f"{number:040}": commit for number, commit in enumerate(commits)}
        revision = list(names)[-1] if file[2] == "main" else file[2]
        if revision not in names:
            return self._send(404, {}, {"X-Error-Code": "RevisionNotFound"})
        if file[3] not in names[revision]:
            return self._send(404, {}, {"X-Error-Code": "EntryNotFound"})
        content = names[revision][file[3]]
        about = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": revision}
        size = self.sizes.get(file[3], len(content))
        return self._send(200, content, about, size)

    def preupload(self, _):
        files = json.loads(self.body)["files"]
        modes = {"uploadMode": "regular", "shouldIgnore": False}
        return {"files": [{"path": file["path"], **modes} for file in files]}

    def tree(self, commits):
        files = commits[-1].items()
        return [{"type": "file", "path": n, "size": len(c), "oid": "0"} for n, c in files]

    def commit(self, commits):
        files = dict(commits[-1])
        for line in self.body.splitlines():
            change = json.loads(line)
            value = change["value"]
            if change["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if change["key"] == "deletedFile":
                del files[value["path"]]
        commits.append(files)
        name, commit = self.path.split("/")[3:5], f"{len(commits) - 1:040}"
        return {"commitUrl": "/".join([self.base, *name, "commit", commit]), "commitOid": commit}

    def _send(self, code, answer, headers=(), size=None):
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(code)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size or len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A Hub of our own, with no repository; who asks for it may write."""
    kind = type("Empty", (Hub,), {"commits": {}, "sizes": {}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        kind.base = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=[0.01]).start()
        at(kind.base, tmp_path, monkeypatch)
        yield kind
        server.shutdown()


def at(base, folder, monkeypatch):
    """The Hub is at `base`, for this process and those that it starts."""
    settings = {"HF_ENDPOINT": base, "HF_HOME": str(folder / "hf"), "HF_TOKEN": "writer"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    template = base + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", base)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no token"))


@pytest.fixture(scope="module")
def reader():
    return Reader.load()


@pytest.fixture(scope="module")
def repository(reader, tmp_path_factory):
    """The bundle that ships, as a repository."""
    return hub.write(reader, tmp_path_factory.mktemp("hub") / "digits", "me/digits")


def names_in(folder):
    """The files of a folder and below."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_bundle_loads_back_unchanged(reader, repository):
    found = Reader.load(repository)
    assert found.card == reader.card
    assert found.session.model == reader.session.model
    examples = [f"examples/{name}.png" for name in sorted(hub.DRAWINGS)]
    names = ["README.md", "card.json", "config.json", *examples, "model.onnx", "model.safetensors"]
    names += ["model_int8.onnx"] if data.is_here(data.get("mnist")) else []
    assert names_in(repository) == {".eval_results/mnist.yaml", *names}


def test_the_graph_of_8_bits_reads_as_the_other(repository, digits):
    images = {"images": digits[:200, None].astype(np.float32) / 255}
    graphs = (repository / name for name in ("model.onnx", "model_int8.onnx"))
    one, other = (onnxruntime.InferenceSession(path).run(None, images)[1] for path in graphs)
    assert (one.argmax(1) == other.argmax(1)).mean() >= 0.99
    assert np.abs(one - other).max() > 0


def test_the_hub_reads_the_metadata(reader, repository):
    card = ModelCard.load(repository / "README.md")
    told = card.data.to_dict()
    index = told.pop("model-index")
    assert told == {
        "datasets": ["ylecun/mnist"],
        "library_name": "inkling",
        "license": "apache-2.0",
        "metrics": ["accuracy"],
        "pipeline_tag": "image-classification",
        "tags": ["handwriting", "mnist", "onnx", "pytorch_model_hub_mixin"],
    }
    name, results = model_index_to_eval_results(index)
    assert name == "digits"
    figures = {(r.dataset_name, r.metric_name): r.metric_value for r in results}
    assert len(figures) == len(results) == len(hub.results(reader.card))
    assert {*map(str, results)} == {*map(str, hub.results(reader.card))}
    crohme = reader.card.acceptance.sources[2]
    assert figures["mnist test", "Accuracy"] == reader.card.test.accuracy
    assert figures["crohme dev", "Coverage"] == pytest.approx(crohme.coverage, abs=1e-5)
    accepted = figures["crohme dev", "Accuracy of accepted readings"]
    assert accepted == pytest.approx(crohme.accepted_accuracy, abs=1e-5)
    confusion = np.array(reader.card.reports["UNIPEN dev"].confusion)
    accuracy = confusion.trace() / confusion.sum()
    assert figures["unipen dev", "Accuracy"] == pytest.approx(accuracy, abs=1e-5)


def test_the_hub_reads_the_result_on_the_test_set(reader, repository):
    content = yaml.safe_load((repository / ".eval_results/mnist.yaml").read_text())
    (entry,) = huggingface_hub.parse_eval_result_entries(content)
    assert (entry.dataset_id, entry.value) == ("ylecun/mnist", reader.card.test.accuracy)


def test_the_card_says_what_it_was_trained_with_and_how_it_reads(reader, repository):
    text = (repository / "README.md").read_text()
    for one in reader.card.attribution:
        assert f"| {one.dataset} | {one.citation} | {one.licence} | {one.url} |" in text
    assert "hf://me/digits" in text
    assert "None" not in text.replace("run(None", "")
    read = {path.stem: reader.read(path) for path in (repository / "examples").glob("*.png")}
    labels = {"seven": 7, "four": 4, "two": 2}
    assert {name: read[name].label for name in labels} == labels
    assert all(read[name].accepted for name in labels)
    assert read["scribble"].accepted is False


def test_a_bundle_of_garments_has_a_card_too(reader, tmp_path):
    values = {"dataset": "fashion-mnist", "classes": tuple("abcdefghij"), "attribution": ()}
    nothing = {"acceptance": None, "validation": None, "reports": {}, "frame": "garment"}
    other = Reader(reader.card.model_copy(update=values | nothing), reader.session)
    folder = hub.write(other, tmp_path / "garments")
    card = ModelCard.load(folder / "README.md")
    assert card.data.datasets == ["zalando-datasets/fashion_mnist"]
    assert len(card.data.eval_results) == 1
    assert hub.UNKNOWN in card.text
    assert "one digit" not in card.text
    assert not (folder / "examples").exists()


def trained(name, views):
    """A network as after a training; some tensors are equal, which a graph keeps once."""
    network = architectures.build(name, 10, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for tensor in (layer.bias, layer.running_var):
                torch.nn.init.uniform_(tensor, 0.5, 1.5, generator=generator)
    return architectures.Averaged(network, views).eval()


@pytest.mark.parametrize(
    ("name", "views"),
    [*((name, "none") for name in architectures.MODELS), ("sprint", "shifts"), ("cnn", "flip")],
)
def test_pytorch_loads_every_network(name, views, reader, tmp_path):
    network = trained(name, views)
    values = {"model": name, "evaluation": {"test_time_augmentation": views}}
    card = reader.card.model_copy(update={"recipe": values, "temperature": 1.5})
    tensors = hub.weights(export.to_onnx(network, 1.5), card)
    (tmp_path / "config.json").write_text(json.dumps(hub._config(card)))
    (tmp_path / "model.safetensors").write_bytes(hub.save(tensors))
    loaded = Network.from_pretrained(tmp_path, strict=True)
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), network(images) / 1.5, rtol=1e-4, atol=1e-5)


def test_pytorch_gives_the_logits_of_the_bundle(reader, repository):
    images = np.random.default_rng(0).random((4, 1, 28, 28), np.float32)
    network = Network.from_pretrained(repository, strict=True)
    with torch.no_grad():
        logits = network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(logits, reader.session.logits(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", ["custom", "scratch"])
def test_a_network_of_ones_own_has_no_part_for_pytorch(model, reader, tmp_path):
    folder = hub.write(reader, tmp_path / "own")
    recipe = reader.card.recipe | {"model": model}
    other = Reader(reader.card.model_copy(update={"recipe": recipe}), reader.session)
    assert (folder / "model.safetensors").exists()
    hub.write(other, folder)
    assert not (folder / "model.safetensors").exists()
    assert not (folder / "config.json").exists()
    assert "PyTorch" not in (folder / "README.md").read_text()


def test_a_folder_of_something_else_is_not_written_to(reader, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(InklingError, match="expected a new folder"):
        hub.write(reader, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    with pytest.raises(InklingError, match="expected a folder to write to"):
        hub.write(reader, tmp_path / "README.md" / "below")


def test_a_push_is_read_from_the_hub(there, tmp_path):
    folder = tmp_path / "digits"
    result = run_inkling("export", "--to", "hub", str(folder), "--push", "me/digits")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{there.base}/me/digits\n"
    files = there.commits["me/digits"][-1]
    assert {*files} - {".gitattributes"} == names_in(folder)
    reader = Reader.load("hf://me/digits")
    assert repr(reader).startswith('Reader(bundle "hf://me/digits", 10 classes')
    assert reader.card == Reader.load().card
    seven = str(folder / "examples" / "seven.png")
    result = run_inkling("read", seven, "--bundle", "hf://me/digits", "--json")
    assert json.loads(result.stdout)["label"] == 7, result.stderr


def test_a_space_is_pushed_whole(there, tmp_path):
    folder = tmp_path / "page"
    result = run_inkling("export", "--to", "space", str(folder), "--push", "me/page")
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{there.base}/spaces/me/page\n"
    files = there.commits["me/page"][-1]
    assert {*files} - {".gitattributes"} == names_in(folder)
    card = SpaceCard.load(folder / "README.md")
    assert (card.data.sdk, card.data.license) == ("static", "apache-2.0")


def test_a_revision_is_one_bundle(there, reader, repository, tmp_path):
    hub.push(repository, "me/digits")
    other = Reader(reader.card.model_copy(update={"seed": 7}), reader.session)
    recipe = other.card.recipe | {"model": "custom"}
    other.card = other.card.model_copy(update={"recipe": recipe})
    there.commits["me/digits"][-1]["NOTES.md"] = b"of the user's own"
    hub.push(hub.write(other, tmp_path / "other"), "me/digits")
    files = there.commits["me/digits"][-1]
    assert "NOTES.md" in files
    assert "model.safetensors" not in files
    assert Reader.load("hf://me/digits").card.seed == 7
    assert Reader.load(f"hf://me/digits@{1:040}").card.seed == 0


@pytest.mark.usefixtures("there")
def test_the_programs_on_the_card_run(repository, monkeypatch, tmp_path):
    hub.push(repository, "me/digits")
    text = (repository / "README.md").read_text()
    picture = repository / "examples" / "seven.png"
    (tmp_path / "picture.png").write_bytes(picture.read_bytes())
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(programs) == 3
    known = {"images": torch.zeros(2, 1, 28, 28)}
    for program in programs:
        given = dict(known)
        exec(program, given)
    assert given["probabilities"].shape == (2, 10)


def test_what_the_hub_gives_is_not_trusted(there, repository):
    hub.push(repository, "me/digits")
    commits = there.commits["me/digits"]
    commits.append(commits[-1] | {"model.onnx": commits[-1]["model.onnx"][:-1] + b"?"})
    with pytest.raises(BundleError, match="expected SHA-256"):
        Reader.load("hf://me/digits")
    commits.append(commits[-1] | {"card.json": b"{}"})
    with pytest.raises(BundleError, match="expected the card of a bundle"):
        Reader.load("hf://me/digits")
    there.sizes["model.onnx"] = bundle.MAX_MODEL_BYTES + 1
    there.asked.clear()
    with pytest.raises(BundleError, match="expected at most"):
        Reader.load(f"hf://me/digits@{1:040}")
    assert not [what for what in there.asked if what.startswith("GET") and "onnx" in what]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hf://me/other", "a repository that you may read"),
        ("hf://me/digits@v2", "a revision there, found none"),
        ("hf://me/empty", "model.onnx and card.json there, found none"),
        ("hf://digits", "hf://user/name or hf://user/name@revision"),
        ("hf://me/di gits", "the Hub to give this bundle"),
    ],
)
def test_what_is_not_on_the_hub_is_told(name, told, there, repository):
    hub.push(repository, "me/digits")
    there.commits["me/empty"] = [{".gitattributes": b""}]
    with pytest.raises(BundleError, match=re.escape(told)) as caught:
        Reader.load(name)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("there")
def test_a_bundle_that_was_fetched_is_read_offline(repository, tmp_path, monkeypatch):
    hub.push(repository, "me/digits")
    card = Reader.load("hf://me/digits").card
    at("http://127.0.0.1:9", tmp_path, monkeypatch)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the attempts
    assert Reader.load("hf://me/digits").card == card
    with pytest.raises(BundleError, match="the Hub to give this bundle") as caught:
        Reader.load("hf://me/another")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("token", "name", "told"),
    [
        ("", "me/digits", "expected a token of the Hub, got none"),
        ("guest", "me/digits", "expected a token that may write there, got 403"),
        ("writer", "me/di gits", "expected a name as user/name"),
    ],
)
def test_a_push_that_is_refused_is_one_line(token, name, told, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", token)
    folder = tmp_path / "digits"
    result = run_inkling("export", "--to", "hub", str(folder), "--push", name)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert told in result.stderr


def test_a_push_without_a_network_is_one_line(repository, tmp_path, monkeypatch):
    at("http://127.0.0.1:9", tmp_path, monkeypatch)
    with pytest.raises(InklingError, match="expected the Hub to take it") as caught:
        hub.push(repository, "me/digits")
    assert "\n" not in str(caught.value)


def test_push_goes_with_the_hub_alone(tmp_path):
    path = str(tmp_path / "digits.onnx")
    result = run_inkling("export", "--to", "onnx", path, "--push", "me/digits")
    assert result.returncode == 2
    assert "--push goes with --to hub or --to space" in result.stderr


def test_a_name_of_the_hub_is_no_folder(reader):
    with pytest.raises(BundleError, match="--push user/name"):
        reader.save("hf://me/digits")
    assert not Path("hf:").exists()


@pytest.mark.parametrize(
    "code",
    [
        "inkling.Reader.load('hf://me/digits')",
        "inkling.export(inkling.Reader.load(), 'hub', 'never')",
        "import inkling.networks.hub",
    ],
)
def test_without_huggingface_hub_the_extra_is_named(code, tmp_path):
    program = f"import sys; sys.modules['huggingface_hub'] = None; import inkling; {code}"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert "pip install 'inkling-reader[hub]'" in result.stderr.splitlines()[-1]


SEVEN = [[[10.0, 10.0], [60.0, 12.0, 0.5], [30.0, 90.0]]]


def labelled(number, label=7, **values):
    return Labelled(
        label=label,
        reading=label,
        confidence=0.9,
        ood_score=-3.0,
        accepted=True,
        model_sha256="a" * 64,
        created="2026-11-28T10:00:00+00:00",
        id=number,
        **({"strokes": SEVEN, "pen": 9.0} | values),
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of mlcroissant, within rdflib
@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_other_programs_read_exported_drawings_by_their_description(form, repository, tmp_path):
    try:
        import mlcroissant
    except ImportError:
        missing("mlcroissant is not here: pip install mlcroissant pyarrow")
    picture = (repository / "examples" / "seven.png").read_bytes()
    drawings = [labelled(1), labelled(2, strokes=None, pen=None, picture=picture)]
    archive.export(drawings, tmp_path, form, pytest.fail)
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    rows = [
        {name.removeprefix("drawings/"): value for name, value in row.items()}
        for row in dataset.records("drawings")
    ]
    fields = {field.name for field in dataclasses.fields(Labelled)}
    for row, drawing in zip(rows, drawings, strict=True):
        assert {*row} == fields | ({"image"} if form == "parquet" else set())
        assert row["strokes"] == drawing.strokes
        assert int(row["label"]) == drawing.label
        assert row["created"].decode() == drawing.created
    if form == "parquet":
        assert rows[1]["picture"] == picture
        image = archive.to_image(drawings[0].source)[0]
        assert rows[0]["image"] == np.rint(image * 255).astype(np.uint8).tobytes()
    else:
        assert base64.b64decode(rows[1]["picture"]) == picture


def test_the_description_knows_the_file(tmp_path):
    archive.export([labelled(1), labelled(2, "12.50")], tmp_path, "jsonl", pytest.fail)
    told = json.loads((tmp_path / "croissant.json").read_text())
    (file,) = told["distribution"]
    content = (tmp_path / file["contentUrl"]).read_bytes()
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["description"].startswith("2 drawings")
    kinds = {field["name"]: field["dataType"] for field in told["recordSet"][0]["field"]}
    assert kinds["label"] == "sc:Text"


@pytest.mark.parametrize("status", [401, 403])
def test_a_repository_that_one_may_not_read_is_told(status):
    cause = OSError("refused")
    cause.response = SimpleNamespace(status_code=status)
    error = hub_module._missing("hf://a/b", cause)
    assert "expected a repository that you may read" in error.error
    assert str(status) in error.error
