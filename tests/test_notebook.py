"""From Python: data, a training, its run, a reader and its readings, and what they show."""

import copy
import doctest
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from PIL import Image
from torch import nn
from torch.nn import functional as F

import inkling
from inkling import Drawing, Reader, system
from inkling.errors import (
    BundleError,
    DataError,
    InkError,
    InklingError,
    NothingDrawn,
    RecipeError,
    RunError,
)
from inkling.experiments import events, runs

SEVEN = Drawing([[(110, 80), (270, 80), (180, 310)]])
SMALL = {"dataset": "optdigits", "epochs": 2, "split": "standard"}


@pytest.fixture(scope="module")
def reader():
    return Reader.load()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has ended."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    return inkling.train("mlp", seed=3, out=folder, show=False, **SMALL)


class Page(HTMLParser):
    """What a display shows; fails where a tag is not closed, or something comes from elsewhere."""

    def __init__(self, content):
        super().__init__()
        self.text, self.open = "", []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag != "img":
            self.open.append(tag)
        for name, value in attributes:
            assert name not in ("href", "onclick"), name
            assert name != "src" or value.startswith("data:image/png;base64,")
        assert tag != "script"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data + " "


def test_a_data_set_shows_its_parts_and_gives_examples(mnist):
    found = inkling.load_data("mnist")
    assert found is inkling.load_data("mnist")
    assert repr(found) == "Splits('mnist': train 55,000, validation 5,000, test 10,000)"
    shown = Page(found._repr_html_()).text
    assert "10,000 to test" in shown
    assert f"{(found.test.labels == 1).sum():,}" in shown
    example = found.test[7]
    assert (example.label, example.name) == (int(mnist.test.labels[7]), "9")
    assert np.array_equal(example.pixels, mnist.test.pixels[7])
    assert repr(example).count("\n") == 28
    Page(example._repr_html_())


def test_parts_of_a_part_are_parts(mnist):
    sevens = mnist.test[mnist.test.labels == 7]
    assert set(sevens.labels) == {7}
    assert sevens.counts["7"] == len(sevens) == 1028
    assert [example.label for example in mnist.test[:3]] == mnist.test.labels[:3].tolist()
    assert "1,028" in Page(sevens._repr_html_()).text
    with pytest.raises(IndexError):
        mnist.test[10_000]


def test_a_data_set_that_is_not_known_names_near_ones():
    with pytest.raises(DataError, match="mnist"):
        inkling.load_data("mnits")


def test_a_name_that_does_not_exist_names_a_near_one():
    with pytest.raises(AttributeError, match="perhaps load_data"):
        inkling.load_dat  # noqa: B018
    assert {"train", "load_data", "Reader"} <= set(dir(inkling))


def test_a_recipe_is_changed_and_shows_what_differs():
    sprint = inkling.recipe("sprint")
    changed = sprint.replace(epochs=2, learning_rate=0.01)
    assert (changed.epochs, changed.optimizer.learning_rate) == (2.0, 0.01)
    assert sprint != changed
    own, _, others = Page(changed._repr_html_()).text.partition("as by default")
    assert "epochs" in own
    assert "scratch.hidden" in others
    with pytest.raises(RecipeError, match="epochs"):
        sprint.replace(epoch=2)


def test_a_run_from_python_is_that_of_the_command_line(run, tmp_path):
    other = tmp_path / "other"
    settings = [f"--set={key}={value}" for key, value in SMALL.items()]
    command = [sys.executable, "-m", "inkling", "train", "mlp", "--seed=3", "--quiet", *settings]
    subprocess.run([*command, "--out", other], check=True)
    there = inkling.open_run(other)
    assert there.reader.card.model_sha256 == run.reader.card.model_sha256
    assert (run.state, run.plan.seed, run.recipe.epochs) == ("ended", 3, 2.0)
    assert isinstance(run.history[-1], events.End)
    assert run.accuracy == run.history[-1].test.accuracy
    assert run.curves().size[0] > 500
    shown = Page(run._repr_html_()).text
    assert "mlp on optdigits, seed 3" in shown
    assert f"{run.accuracy:.2%}" in shown
    with pytest.raises(RunError, match="has ended"):
        run.resume()
    with pytest.raises(RunError, match=r"inkling\.train"):
        inkling.open_run(tmp_path)


def test_an_interrupt_saves_a_run_which_then_goes_on(run, tmp_path, monkeypatch):
    handler = signal.getsignal(signal.SIGINT)
    original = events.append

    def interrupt(folder, event):
        original(folder, event)
        if isinstance(event, events.Epoch) and event.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(events, "append", interrupt)
    stopped = inkling.train("mlp", seed=3, out=tmp_path / "run", show=False, **SMALL)
    assert stopped.state == "stopped"
    assert isinstance(stopped.history[-1], events.Stopped)
    assert signal.getsignal(signal.SIGINT) is handler
    monkeypatch.undo()
    assert stopped.resume(show=False).reader.card.model_sha256 == run.reader.card.model_sha256


def test_a_training_is_reported_in_a_terminal(tmp_path, capsys):
    inkling.train("mlp", out=tmp_path / "run", **SMALL)
    said = capsys.readouterr().out
    assert said.count("epoch ") == 2
    assert "Test accuracy" in said


def test_a_test_reports_what_a_reader_reads(reader, mnist):
    report = reader.test(mnist.test[:2000])
    right = reader.probabilities(mnist.test[:2000].images()).argmax(1) == mnist.test.labels[:2000]
    assert report.accuracy == right.mean()
    assert report.confusion.sum() == 2000
    assert np.trace(report.confusion) == right.sum()
    assert not right[report.mistakes()].any()
    assert f"{report.accuracy:.2%}" in repr(report)
    assert "recall" in Page(report._repr_html_()).text
    assert report.picture().size[0] > 500


def crosses(count):
    """Images of two classes, written as little as possible: upright and slanted crosses."""
    rng = np.random.default_rng(0)
    images = rng.random((count, 28, 28)) * 0.1
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        x, y = rng.integers(10, 18, 2)
        for step in range(-8, 9):
            image[y + step, x + step * label] = image[y - step * label, x + step] = 1
    return images, labels


def test_arrays_of_ones_own_are_a_data_set(tmp_path):
    images, labels = crosses(400)
    mine = inkling.from_arrays(images, labels, names=["upright", "slanted"])
    assert len(mine.train) + len(mine.validation) + len(mine.test) == 400
    assert mine.train.classes == ("upright", "slanted")
    assert inkling.from_arrays(list(images), list(labels), ("upright", "slanted")).name == mine.name
    assert "slanted" in Page(mine._repr_html_()).text
    run = inkling.train("mlp", mine, out=tmp_path / "run", show=False, split="standard", epochs=30)
    assert run.accuracy > 0.9
    assert run.reader.read(images[1]).name == "slanted"
    again = inkling.data.part(mine.name)  # as the command line takes it
    assert again.labels.tolist() == labels.tolist()
    assert np.array_equal(again[1].image, inkling.to_image(images[1]))


def test_writers_of_ones_own_are_not_in_two_parts():
    images, labels = crosses(240)
    writers = [f"w{number // 10}" for number in range(240)]
    mine = inkling.from_arrays(images, labels, ["upright", "slanted"], writers)
    parts = [{*part.writers} for part in (mine.train, mine.validation, mine.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 24


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"labels": [0, 1]}, "a label for each of 4 images"),
        ({"labels": np.eye(4)}, r"labels \(4, 4\)"),
        ({"labels": [0, 1, 0, 0.5]}, "whole numbers from 0 on"),
        ({"labels": [0, 1, 0, -1]}, "got -1"),
        ({"labels": ["a", "b", "a", "b"]}, "whole numbers"),
        ({"labels": [0, 1, 0, 300]}, "below 256, got 300"),
        ({"names": ["a"]}, "Expected 2 to 256 different names"),
        ({"names": ["a", "a"]}, "1 of them different"),
        ({"writers": ["a"]}, "a writer for each"),
        ({"images": np.zeros((4, 28, 28))}, "Image 0: .* nothing drawn"),
        ({"images": np.ones((4, 3, 3, 3, 3))}, "Image 0: "),
        ({"images": 7}, "got int"),
        ({"images": [], "labels": []}, "whole numbers"),
    ],
)
def test_arrays_that_are_no_data_set_are_refused(change, what):
    images, labels = crosses(4)
    with pytest.raises(DataError, match=what):
        inkling.from_arrays(**{"images": images, "labels": labels} | change)


def test_a_damaged_file_of_arrays_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match="from_arrays"):
        inkling.load_data(str(path))


def test_part_of_a_data_set_is_not_taken_for_all_of_it(mnist):
    few = inkling.data.Splits(mnist.train[:1000], None, mnist.test, "mnist")
    with pytest.raises(DataError, match="from_arrays"):
        inkling.train("mlp", few)


WIDTH = 64


class Scaled(nn.Module):
    """A layer beside the network, and a constant that it uses."""

    def __init__(self, classes):
        super().__init__()
        self.first, self.second = nn.Linear(784, WIDTH), nn.Linear(WIDTH, classes)

    def forward(self, images):
        return self.second(F.relu(self.first(images.flatten(1))))


class Net(nn.Module):
    """A network as one writes it in a cell."""

    def __init__(self, classes):
        super(Net, self).__init__()  # noqa: UP008  # it names itself
        self.scaled = Scaled(classes)

    def forward(self, np):  # a name that is another thing outside
        return self.scaled(np) * 2.0


def from_outside(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes)) if SEVEN else None


def test_a_class_of_ones_own_is_trained_and_kept_as_a_file(tmp_path):
    run = inkling.train("mlp", model=Net, out=tmp_path / "run", show=False, **SMALL)
    assert (run.recipe.name, run.recipe.model) == ("net", "custom")
    assert run.accuracy > 0.5
    path = tmp_path / "net.py"
    path.write_bytes((run.folder / runs.SOURCE).read_bytes())
    assert "numpy" not in path.read_text()
    again = inkling.train(path, out=tmp_path / "again", show=False)
    assert again.reader.card.model_sha256 == run.reader.card.model_sha256


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (from_outside, "it uses SEVEN, a Drawing from outside"),
        (lambda classes: nn.Linear(784, classes), "RuntimeError|named function"),
        (nn.Flatten(), "expected"),
        (7, "not callable"),
        (lambda: None, "TypeError"),
    ],
)
def test_a_network_that_cannot_be_kept_is_refused(model, what, tmp_path):
    with pytest.raises(RecipeError, match=what):
        inkling.train("mlp", model=model, out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_what_is_no_recipe_is_refused():
    with pytest.raises(RecipeError, match="model=Net"):
        inkling.train(Net)


def test_labels_of_other_classes_are_not_tested(run, mnist):
    few = inkling.data.Split(
        mnist.test.pixels[:20], mnist.test.labels[:20], classes=tuple("abcdefghijkl")
    )
    with pytest.raises(InklingError, match="10 classes, got 12"):
        run.reader.test(few)


def test_a_folder_is_read_and_what_cannot_be_read_is_named(reader, tmp_path, mnist):
    for index in range(3):
        Image.fromarray(mnist.test.pixels[index, 0]).save(tmp_path / f"{index}.png")
    (tmp_path / "a<b>.png").write_bytes(b"no picture")
    found = reader.read_many(tmp_path)
    assert [one.label for one in found] == mnist.test.labels[:3].tolist()
    assert [Path(name).name for name in found.sources] == ["0.png", "1.png", "2.png"]
    assert list(found.errors) == [str(tmp_path / "a<b>.png")]
    assert "a<b>.png" in Page(found._repr_html_()).text
    found.to_csv(tmp_path / "readings.csv")
    assert len((tmp_path / "readings.csv").read_text().splitlines()) == 4
    table = found.to_pandas()
    assert table["label"].tolist() == [one.label for one in found]
    with pytest.raises(InkError, match="none in it"):
        reader.read_many(tmp_path / "nothing")


def test_a_reading_compares_hashes_and_shows_itself(reader):
    one, same, other = reader.read(SEVEN), reader.read(SEVEN), reader.read(np.eye(28))
    assert one == same == pickle.loads(pickle.dumps(one)) == copy.deepcopy(one)
    assert hash(one) == hash(same)
    assert one != other
    assert len({one, same, other}) == 2
    assert repr(one).startswith("Reading('7', ")
    assert "7" in Page(one._repr_html_()).text


def read_seven(reader):
    return reader.read(SEVEN)


def test_a_reader_passes_to_other_processes_and_threads(reader):
    expected = reader.read(SEVEN)
    assert reader.read_number(SEVEN).text == "7"
    for other in (pickle.loads(pickle.dumps(reader)), copy.deepcopy(reader)):
        assert repr(other) == repr(reader)
        assert other.read(SEVEN) == expected
        assert other.read_number(SEVEN) == reader.read_number(SEVEN)
    for method in ("spawn", "fork"):
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            assert list(pool.map(read_seven, [reader] * 4)) == [expected] * 4
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: reader.read(SEVEN), range(64))) == {expected}


def test_a_reader_is_saved_under_a_name_and_found_again(run, reader, tmp_path):
    assert repr(reader).startswith('Reader(bundle "shipped", 10 classes, ')
    run.reader.save("mine")
    again = Reader.load("mine")
    assert again.card == run.reader.card
    assert repr(again).startswith('Reader(bundle "mine"')
    run.reader.save("mine")  # the same once more
    with pytest.raises(BundleError, match="new name"):
        reader.save("mine")
    assert Reader.load(reader.save(tmp_path / "here")).card == reader.card
    onnx = inkling.export(reader, "onnx", tmp_path / "model.onnx")
    assert onnx.read_bytes() == reader.session.model
    assert "test accuracy" in Page(reader._repr_html_()).text


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint16, np.uint32])
def test_whole_numbers_of_any_type_read_as_uint8(reader, digits, dtype):
    image = digits[0].astype(np.uint8).reshape(28, 28)
    given = (image // 2).astype(dtype)
    expected = reader.read(given.astype(np.uint8))
    assert reader.read(given) == expected


FORMS = {
    "0 to 255": lambda x: x.astype(np.float64),
    "16 bits": lambda x: x.astype(np.uint16) * 257,
    "-1 to 1": lambda x: (x / 127.5 - 1).astype(np.float32),
    "standardised": lambda x: ((x / 255 - 0.1307) / 0.3081).astype(np.float32),
    "channels first": lambda x: np.repeat(x[:, None], 3, 1),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_arrays_as_people_have_them_read_as_uint8(reader, mnist, form):
    pixels = mnist.test.pixels[:, 0]
    given = FORMS[form](pixels)
    images = np.stack([inkling.to_image(one) for one in given])
    expected = reader.probabilities(mnist.test.images()).argmax(1)
    assert (reader.probabilities(images).argmax(1) == expected).sum() == 10_000


@pytest.mark.parametrize(
    "doubtful",
    [
        np.full((28, 28), 1.5),
        np.full((28, 28), -0.5),
        np.full((28, 28), 70_000),
        np.full((28, 28), "7"),
    ],
)
def test_arrays_that_leave_doubt_are_refused(reader, doubtful):
    with pytest.raises(InkError, match="Expected"):
        reader.read(doubtful)


def test_what_pads_of_others_give_is_read(reader, digits):
    image = digits[0].astype(np.uint8).reshape(28, 28)
    layered = {"background": None, "layers": [], "composite": image}
    assert reader.read(layered) == reader.read(image)
    canvas = np.dstack([np.full_like(image, 255)] * 3 + [image])  # of Streamlit: ink on nothing
    assert reader.read(canvas).label == reader.read(image).label
    with pytest.raises(InkError, match="not fetched"):
        reader.read("https://example.org/7.png")


def test_a_thread_may_train(tmp_path):
    found = []

    def work():
        found.append(inkling.train("mlp", out=tmp_path / "run", show=False, **SMALL))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert runs.has_ended(found[0].folder)


def test_a_pad_reads_what_is_drawn_and_keeps_it(reader, monkeypatch, tmp_path):
    monkeypatch.setenv("INKLING_DRAWINGS", f"sqlite:///{tmp_path}/drawings.sqlite")
    pad = inkling.Pad(reader)
    assert (pad.reading, pad.said) == (None, "Draw")
    seen = []
    pad.observe(seen.append, "strokes")
    pad.strokes = [[list(point) for point in SEVEN.strokes[0]]]
    assert pad.reading == reader.read(SEVEN)
    assert "7" in pad.said
    assert len(seen) == 1
    kept = pad.label(7)
    assert (kept.label, kept.reading, pad.strokes) == (7, 7, [])
    assert pad.reading is None
    with pytest.raises(NothingDrawn):
        pad.label(7)
    pad.strokes = [[[float("nan"), 1]]]
    assert "Expected points" in pad.said


@pytest.mark.parametrize(
    ("drawings", "what"),
    [
        ([(SEVEN, "seven")], "whole number, got"),
        ([SEVEN], "pairs of a drawing"),
        ([(SEVEN, -1)], "from 0 on"),
        ([(SEVEN, 12)], "a label from 0 to 9, got 12"),
        ([("nowhere.png", 7)], "nowhere.png"),
        ([(SEVEN, np.int64(7))], "at least 3 drawings"),
    ],
)
def test_drawings_that_teach_nothing_are_refused(drawings, what):
    with pytest.raises(InklingError, match=what):
        inkling.fine_tune(drawings, show=False)


def test_a_name_that_is_a_path_is_refused():
    with pytest.raises(RunError, match="without a path"):
        inkling.fine_tune([(SEVEN, 7)] * 5, name="../mine")


def test_a_pad_for_numbers_reads_numbers(reader):
    pad = inkling.Pad(reader, mode="number")
    pad.strokes = [[[x, 80], [x + 40, 80], [x + 10, 180]] for x in (0, 100)]
    assert pad.reading.text == "77"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if "une" in name else ())
        for name in inkling.__all__
    ],
)
def test_every_public_name_has_an_example_that_runs(name, mnist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKLING_DRAWINGS", f"sqlite:///{tmp_path}/drawings.sqlite")
    Image.fromarray(mnist.test.pixels[0, 0]).save("7.png")
    (stroke,) = SEVEN.strokes
    two = Drawing([stroke, [(x + 250, y) for x, y in stroke]])
    two.picture().save("77.png")
    given = {"inkling": inkling, "sevens": [SEVEN] * 12}
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(getattr(inkling, name), name, globs=given)
    assert example.examples, f"{name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said = []
    runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_a_pad_holds_the_drawing_code_of_the_page():
    assert "class Sheet" in inkling.Pad._esm
    assert "export " not in inkling.Pad._esm.replace("export default", "")


CELLS = [
    "import inkling\nfrom torch import nn\n\nunits = 32",
    """class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, units), nn.Linear(units, classes))

    def forward(self, images):
        return self.layers(images)""",
    "run = inkling.train('mlp', 'optdigits', model=Net, epochs=1, out='first')",
    "inkling.train('first/recipe.py', out='again').accuracy == run.accuracy",
    "inkling.train('mlp', 'optdigits', model=nn.Linear)",
]


@pytest.mark.slow
def test_a_class_of_a_cell_is_kept_and_an_error_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    assert notebook.cells[3].outputs[-1]["data"]["text/plain"] == "True"
    (error,) = notebook.cells[4].outputs
    assert error.ename == "RecipeError"
    assert len(error.traceback) == 1


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_quickstart_runs(tmp_path, monkeypatch, mnist):
    assert mnist
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(system.HOME, str(tmp_path))
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", 4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = [
        output["data"].get("text/html", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert sum(bool(content) for content in shown) >= 8
    for content in filter(None, shown):
        Page(content)
    (folder,) = (system.home() / "taught").iterdir()
    tuned = Reader.load(folder)
    assert tuned.card.model_sha256 != Reader.load().card.model_sha256
