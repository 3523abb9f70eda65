"""What every released version has made loads today; see docs/versions.md and versions/make.py."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

import inkling
from inkling import data, training
from inkling.data import idx
from inkling.drawings import Store, archive, backup
from inkling.experiments import events

MADE = Path(__file__).parent / "versions"
PICTURE = (MADE / "3.png").read_bytes()


VERSIONS = sorted(
    (path for path in MADE.iterdir() if (path / "expected.json").exists()),
    key=lambda path: [int(part) for part in path.name.split(".")],
)


def having(*names: str) -> pytest.MarkDecorator:
    """The versions that could make all of these files."""
    chosen = [path for path in VERSIONS if all((path / name).exists() for name in names)]
    return pytest.mark.parametrize("made", chosen, ids=lambda path: path.name)


def expected(made: Path) -> dict:
    return json.loads((made / "expected.json").read_text())


def test_every_release_has_left_its_files():
    """A release adds them: python tests/versions/make.py, before the next version begins."""
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    here = [path.name for path in VERSIONS]
    without = [name for name in released if name not in (inkling.__version__, *here)]
    assert without == [], "run tests/versions/make.py in each"
    kinds = [
        {path.name for of in (".", "exports") for path in (v / of).glob("*")} for v in VERSIONS
    ]
    assert all(older <= newer for older, newer in pairwise(kinds))  # what one makes, the next does


@having("ended")
def test_a_bundle_reads_as_it_did(made):
    images = np.load(MADE / "images.npy").astype(np.float32)[:, None] / 255
    reader = inkling.Reader.load(made / "ended" / "bundle")
    np.testing.assert_allclose(
        reader.probabilities(images), expected(made)["probabilities"], atol=1e-5
    )
    assert reader.card.dataset == "optdigits"
    readings = reader.read_images(images)
    assert [reading.label for reading in readings] == list(
        np.argmax(expected(made)["probabilities"], axis=1)
    )
    assert inkling.Reader.load(made / "ended").card == reader.card


@having("ended")
def test_a_run_opens(made):
    run = inkling.open_run(made / "ended")
    assert (run.state, run.recipe.dataset, run.plan.seed) == ("ended", "optdigits", 0)
    assert run.accuracy == run.reader.card.test.accuracy
    assert [event.epoch for event in run.history if isinstance(event, events.Epoch)] == [1]
    assert run.curves().size > (100, 100)


@having("stopped")
def test_a_stopped_run_goes_on(made, tmp_path):
    """After its last save: for another epoch, and until it is stopped again."""
    run = shutil.copytree(made / "stopped", tmp_path / "run")
    assert inkling.open_run(run).state == "stopped"
    before = events.epochs(run)
    seen: list[events.Event] = []
    assert not training.train(run, seen.append, lambda: len(events.epochs(run)) > len(before))
    start, stopped = seen[0], seen[-1]
    assert isinstance(start, events.Start)
    assert isinstance(stopped, events.Stopped)
    assert 0 < start.step < stopped.step
    epochs = events.epochs(run)
    assert [epoch.epoch for epoch in epochs] == [*range(1, len(before) + 2)]
    assert epochs[-1].loss < epochs[0].loss


def same(drawing: dict, old: dict) -> None:
    """Check that a drawing is what its version said of it."""
    old = dict(old)
    if "evidence" in old:  # before 0.7.0
        old["ood_score"] = -old.pop("evidence")
        old.pop("sending", None)
    assert {key: drawing[key] for key in old} == old


@having("drawings.sqlite")
def test_a_store_opens(made, tmp_path):
    file = shutil.copy(made / "drawings.sqlite", tmp_path)
    store = Store(f"sqlite:///{file}")
    drawings = list(store.each())
    for drawing, old in zip(drawings, expected(made)["drawings"], strict=True):
        same(drawing.to_json(), old)
    assert [drawing.picture for drawing in drawings] == [None, PICTURE, None]
    assert store.add(drawings[0]).id == 4
    assert store.stats()["n"] == 4
    store.close()


@having("exports/jsonl")
def test_exported_drawings_are_taken_in(made, tmp_path):
    store = Store(f"sqlite:///{tmp_path}/drawings.sqlite")
    assert archive.take_in(store, made / "exports" / "jsonl" / archive.LINES) == 3
    for drawing, old in zip(store.each(), expected(made)["drawings"], strict=True):
        same(drawing.to_json(), old)
    assert [drawing.picture for drawing in store.each()] == [None, PICTURE, None]
    store.close()


@having("exports/backup.jsonl.gz")
def test_a_backup_is_restored(made, tmp_path):
    store = Store(f"sqlite:///{tmp_path}/drawings.sqlite")
    assert backup.restore(store, made / "exports" / "backup.jsonl.gz") == 3
    for drawing, old in zip(store.each(), expected(made)["drawings"], strict=True):
        same(drawing.to_json(), old)
    store.close()


@having("exports/idx", "exports/png")
def test_exported_images_are_a_data_set(made):
    """Pictures are one as they are; MNIST's files and a table hold the same pixels."""
    folder = made / "exports"
    whole = data.part(str(folder / "png"))
    files = sorted((folder / "png").rglob("*.png"), key=lambda path: int(path.stem))
    pixels = np.stack([np.asarray(Image.open(path)) for path in files])
    labels = [int(path.parent.name) for path in files]
    assert sorted(whole.labels) == sorted(labels)
    of_idx = [idx.parse((folder / "idx" / name).read_bytes(), name) for name in archive.IDX_NAMES]
    np.testing.assert_array_equal(of_idx[0], pixels)
    assert of_idx[1].tolist() == labels
    if (table := folder / "parquet" / archive.TABLE).exists():
        parquet = pytest.importorskip("pyarrow.parquet")
        rows = parquet.read_table(table).to_pylist()
        assert [row["label"] for row in rows] == labels
        assert b"".join(row["image"] for row in rows) == pixels.tobytes()


@having("exports/onnx-int8")
def test_a_bundle_of_8_bits_reads(made):
    images = np.load(MADE / "images.npy").astype(np.float32)[:, None] / 255
    reader = inkling.Reader.load(made / "exports" / "onnx-int8")
    of_32_bits = np.array(expected(made)["probabilities"])
    np.testing.assert_allclose(reader.probabilities(images), of_32_bits, atol=0.2)
