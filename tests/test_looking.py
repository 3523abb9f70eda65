"""`inkling curves` and `inkling show-weights`."""

import shutil

import numpy as np
import pytest
from conftest import invoke
from PIL import Image
from rich.console import Console

from inkling import Reader, plots
from inkling.cli import display
from inkling.errors import BundleError, RunError
from inkling.experiments import events, runs
from inkling.plots import charts
from inkling.reading import bundle
from inkling.training import checkpoint, weights


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An ended run of the network from first principles, with 12 hidden units."""
    folder = tmp_path_factory.mktemp("looking") / "mine"
    settings = ["--dataset", "optdigits", "--epochs", "3", "--set", "hidden=12"]
    result = invoke("train", "scratch-steady", *settings, "--out", str(folder), "--quiet")
    assert result.returncode == 0, result.stderr
    return folder


def test_curves_show_every_measure_of_each_run_in_80_columns(run, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for number in (1, 2, 2, 4):
        epoch = events.Epoch(epoch=number, loss=1 / number, accuracy=0.5, seconds=1.0)
        events.append(other, epoch)
    result = invoke("curves", str(run), str(other))
    assert result.stderr == ""
    shown = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in shown)
    found = events.epochs(run)
    (accuracy,) = [line for line in shown if line.startswith("  validation accuracy")]
    assert f"{found[0].validation_accuracy:.2%}" in accuracy
    assert f"{found[-1].validation_accuracy:.2%}" in accuracy
    assert [event.epoch for event in events.epochs(other)] == [1, 2, 4]
    assert sum("loss, as augmented" in line for line in shown) == 2


def test_a_line_that_a_full_disk_cut_short_is_skipped(run, tmp_path):
    written = (run / runs.EVENTS).read_text()
    (tmp_path / runs.EVENTS).write_text('{"event": "epoch", "epo\n[]\n' + written)
    assert events.epochs(tmp_path) == events.epochs(run)


def test_curves_are_drawn_as_a_picture(run, tmp_path):
    picture = tmp_path / "curves.png"
    assert invoke("curves", str(run), "--png", str(picture)).returncode == 0
    with Image.open(picture) as drawn:
        assert drawn.size == (1000, 420)
        assert len(drawn.convert("RGB").getcolors(maxcolors=10**6)) > 10


def test_the_weights_of_a_bundle_are_those_of_its_run(run, tmp_path):
    whole = weights.first_layer(run)
    assert whole.shape == (12, 1, 28, 28)
    bare = tmp_path / "bare"
    shutil.copytree(run, bare)
    shutil.rmtree(bare / runs.BUNDLE)
    np.testing.assert_allclose(weights.first_layer(bare), whole, atol=1e-6)
    learnt = checkpoint.read_tensors(bare)["model.0.weights"].numpy()
    np.testing.assert_array_equal(learnt[:, 3].reshape(28, 28), weights.first_layer(bare)[3, 0])
    (bare / runs.BUNDLE).mkdir()  # as after a crash while the bundle was written
    np.testing.assert_array_equal(learnt[:, 3].reshape(28, 28), weights.first_layer(bare)[3, 0])


def test_weights_of_as_many_units_as_pixels_are_not_transposed(tmp_path):
    square = np.arange(784 * 784, dtype=np.float32).reshape(784, 784)
    ours = weights.first({"model.0.weights": square}, RunError, tmp_path)
    theirs = weights.first({"model.1.weight": square.T}, RunError, tmp_path)
    np.testing.assert_array_equal(ours[5].reshape(-1), square[:, 5])
    np.testing.assert_array_equal(ours, theirs)


def test_the_filters_of_the_pretrained_network_are_shown():
    filters = weights.first_layer(bundle.PRETRAINED)
    assert filters.shape == (24, 1, 3, 3)
    assert Reader.load().card.recipe["model"] == "digits"
    shown = invoke("show-weights", "--count", "2")
    assert shown.stdout.splitlines()[-1].split() == ["0", "1"]


def test_the_last_row_of_an_odd_number_of_weights_is_shown():
    console = Console(width=80, force_terminal=True, color_system="truecolor", legacy_windows=False)
    one = np.zeros((1, 1, 15, 15), np.float32)
    one[..., -1, :] = 1
    with console.capture() as capture:
        console.print(display.weight_maps(one, ["0"], console))
    assert "38;2;255;255;255" in capture.get()


def test_weights_are_drawn_red_above_0_and_blue_below(run, tmp_path):
    colours = plots.tint(np.array([[[[2.0, 0.0], [-2.0, -1.0]]]], np.float32))
    expected = [[[1, 1], [0, 0.5]], [[0, 1], [0, 0.5]], [[0, 1], [1, 1]]]
    np.testing.assert_array_equal(colours[0], expected)
    assert np.isfinite(plots.tint(np.zeros((1, 1, 2, 2), np.float32))).all()
    picture = tmp_path / "weights.png"
    assert invoke("show-weights", str(run), "--png", str(picture)).returncode == 0
    with Image.open(picture) as drawn:
        assert drawn.mode == "RGB"


@pytest.mark.parametrize("command", ["curves", "show-weights"])
def test_a_folder_that_is_no_run_is_an_error_of_one_line(command, tmp_path):
    result = invoke(command, str(tmp_path))
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr


def test_what_cannot_be_shown_is_an_error(tmp_path):
    (tmp_path / runs.EVENTS).write_text('{"event": "start"}\n')
    with pytest.raises(RunError, match="epoch"):
        events.epochs(tmp_path)
    (tmp_path / runs.EVENTS).unlink()
    with pytest.raises(RunError, match=r"events\.jsonl"):
        events.epochs(tmp_path)
    (tmp_path / runs.CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(RunError, match="checkpoint"):
        weights.first_layer(tmp_path)
    with pytest.raises(BundleError, match="bundle"):
        weights.first_layer(tmp_path / "nowhere")
    with pytest.raises(RunError, match="first layer"):
        weights.first({"model.0.weights": np.zeros((3, 3), np.float32)}, RunError, tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "epoch", "epoch": "x"}',
        '{"event": "epoch", "epoch": 9, "loss": null}',
        '{"event": "epoch", "epoch": 9, "loss": NaN}',
    ],
)
def test_an_epoch_without_its_figures_is_skipped(run, tmp_path, line):
    (tmp_path / runs.EVENTS).write_text(line + "\n" + (run / runs.EVENTS).read_text())
    assert events.epochs(tmp_path) == events.epochs(run)


def test_a_dollar_sign_in_a_runs_name_is_not_mathematics(run):
    assert charts.curves({"a$\\foo$": events.epochs(run)}).size[0] == 1000
