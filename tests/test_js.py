"""inkling-js reads as the Reader does: by node, against Python."""

import json
import random
import shutil
import subprocess

import numpy as np
import pytest
from conftest import ROOT, missing
from hypothesis import given, settings
from hypothesis import strategies as st

import inkling
from inkling import ink

JS = ROOT / "inkling" / "web" / "static" / "inkling-js" / "index.js"
PROGRAM = """
import { readFileSync } from "node:fs";
import { Reader, toImage } from "PATH";
const { model, strokes, images } = JSON.parse(readFileSync(0));
const [about, weights] = ["json", "bin"].map((end) => readFileSync(`${model}/model.${end}`));
const reader = new Reader(JSON.parse(about), new Uint8Array(weights).buffer);
const plain = (reading) => reading && {
  ...reading,
  probabilities: [...reading.probabilities],
  image: [...reading.image].map((value) => Math.round(value * 255)),
};
process.stdout.write(JSON.stringify([
  ...strokes.map(([drawing, pen]) => plain(reader.read(drawing, pen))),
  ...images.map((image) => plain(reader.readImage(Float32Array.from(image, (ink) => ink / 255)))),
]));
"""


@pytest.fixture(scope="module")
def reader():
    return inkling.Reader.load()


@pytest.fixture(scope="module")
def model(reader, tmp_path_factory):
    """The folder of the bundle that ships, for inkling-js."""
    return inkling.export(reader, "js", tmp_path_factory.mktemp("js") / "model")


def read_by_node(model, drawings=(), images=()):
    """The readings of drawings (strokes, pen) and of images of bytes."""
    if shutil.which("node") is None:
        missing("node is not here")
    given = {
        "model": str(model),
        "strokes": drawings,
        "images": [image.ravel().tolist() for image in images],
    }
    result = subprocess.run(
        ["node", "--input-type=module", "-e", PROGRAM.replace("PATH", JS.as_uri())],
        input=json.dumps(given), capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def drawn(rng, pressed):
    """Strokes of one to sixty points, somewhere."""
    strokes = []
    for _ in range(rng.randint(1, 3)):
        many, x, y = rng.choice([1, 2, 5, 20, 60]), rng.uniform(0, 300), rng.uniform(0, 300)
        strokes.append([])
        for _ in range(many):
            strokes[-1].append([x, y, rng.uniform(0.05, 1)] if pressed else [x, y])
            x, y = x + rng.gauss(0, 300 / many), y + rng.gauss(0, 300 / many)
    return strokes, rng.choice([1.0, 10.0, 30.0, 500.0])


@pytest.mark.parametrize("pressed", [False, True])
def test_a_drawing_becomes_the_same_image_pixel_for_pixel(model, pressed):
    rng = random.Random(0)
    drawings = [drawn(rng, pressed) for _ in range(150)]
    for (strokes, pen), found in zip(drawings, read_by_node(model, drawings), strict=True):
        drawing = inkling.Drawing(strokes, pen)
        assert np.array_equal(np.rint(inkling.to_image(drawing).ravel() * 255), found["image"])
        assert found["imageBox"] == pytest.approx(ink.image_box(drawing), abs=1e-3)


points = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(points, min_size=1, max_size=3), min_size=20, max_size=20))
def test_so_does_one_of_whole_numbers(model, drawings):
    given = [([[list(point) for point in stroke] for stroke in one], 3.0) for one in drawings]
    for (strokes, pen), found in zip(given, read_by_node(model, given), strict=True):
        image = inkling.to_image(inkling.Drawing(strokes, pen))
        assert np.array_equal(np.rint(image.ravel() * 255), found["image"])


@pytest.mark.parametrize(
    ("kind", "gap", "score_gap", "accepted"), [("js", 1e-3, 2e-3, 1), ("js-int8", 0.05, 0.2, 0.97)]
)
def test_it_reads_as_python_does(reader, digits, tmp_path, kind, gap, score_gap, accepted):
    model = inkling.export(reader, kind, tmp_path / "model")
    images = digits[:200].reshape(-1, 1, 28, 28).astype(np.float32) / 255
    found = read_by_node(model, images=digits[:200])
    same = []
    for mine, theirs in zip(reader.read_images(images), found, strict=True):
        assert (mine.label, mine.name) == (theirs["label"], theirs["name"])
        assert np.abs(mine.probabilities - theirs["probabilities"]).max() < gap
        assert abs(mine.ood_score - theirs["oodScore"]) < score_gap
        assert theirs["labels"][0] == mine.label
        assert theirs["confidence"] == max(theirs["probabilities"])
        same.append((mine.accepted, [*mine.labels]) == (theirs["accepted"], theirs["labels"]))
    assert np.mean(same) >= accepted


def test_a_blank_sheet_has_no_reading(model):
    assert read_by_node(model, [([], 3.0), ([[]], 3.0)]) == [None, None]
