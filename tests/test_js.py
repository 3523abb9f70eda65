"""inkling-js reads as the Reader does: by node, against Python."""

import base64
import io
import json
import random
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, missing
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_lines import ROW, STEP, pictured, written
from test_paper import PAPERS, on_a_desk

import inkling
from inkling import ink
from inkling.errors import InkError, NothingDrawn
from inkling.ink import lines

JS = ROOT / "inkling" / "web" / "static" / "inkling-js"
LOADED = """
import { readFileSync } from "node:fs";
import { Reader } from "PATH/index.js";
import { Picture } from "PATH/picture.js";
const given = JSON.parse(readFileSync(0));
const [about, weights] = ["json", "bin"].map((end) => readFileSync(`${given.model}/model.${end}`));
const reader = new Reader(JSON.parse(about), new Uint8Array(weights).buffer);
const plain = (reading) => reading && {
  ...reading,
  probabilities: [...reading.probabilities],
  image: [...reading.image].map((value) => Math.round(value * 255)),
};
"""
PROGRAM = """
const { strokes, images } = given;
process.stdout.write(JSON.stringify([
  ...strokes.map(([drawing, pen]) => plain(reader.read(drawing, pen))),
  ...images.map((image) => plain(reader.readImage(Float32Array.from(image, (ink) => ink / 255)))),
]));
"""
OF_PICTURES = """
const answers = given.pictures.map(({ base64, width, height, lossy }) => {
  try {
    const picture = new Picture({ data: Buffer.from(base64, "base64"), width, height }, lossy);
    const lines = picture.toLines().map((line) => ({ ...line, data: [...line.data] }));
    const any = given.reads ? reader.readAny(picture) : null;
    const number = given.reads ? reader.readNumber(picture) : null;
    return { digit: plain(reader.read(picture)), lines, any, number };
  } catch (error) {
    return { error: error.message };
  }
});
process.stdout.write(JSON.stringify(answers));
"""


@pytest.fixture(scope="module")
def reader():
    return inkling.Reader.load()


@pytest.fixture(scope="module")
def model(reader, tmp_path_factory):
    """The folder of the bundle that ships, for inkling-js."""
    return inkling.export(reader, "js", tmp_path_factory.mktemp("js") / "model")


def by_node(program, model, **given):
    """What a program answers."""
    if shutil.which("node") is None:
        missing("node is not here")
    whole = (LOADED + program).replace("PATH", JS.as_uri())
    result = subprocess.run(
        ["node", "--input-type=module", "-e", whole],
        input=json.dumps({"model": str(model), **given}), capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def read_by_node(model, drawings=(), images=()):
    """The readings of drawings (strokes, pen) and of images of bytes."""
    flat = [image.ravel().tolist() for image in images]
    return by_node(PROGRAM, model, strokes=drawings, images=flat)


def pictures_by_node(model, pictures, reads=False):
    """What is said of pictures `(H, W, 4)`, and whether each was compressed with loss."""
    given = [
        {
            "base64": base64.b64encode(pixels.tobytes()).decode(),
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "lossy": lossy,
        }
        for pixels, lossy in pictures
    ]
    return by_node(OF_PICTURES, model, pictures=given, reads=reads)


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


# Pictures


def rgba(picture):
    """The pixels `(H, W, 4)` of a picture or an array."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return np.ascontiguousarray(image.convert("RGBA"))


def in_python(pixels, lossy):
    """The image and the box of a picture, None where there is no ink; and its lines."""
    source = replace(ink.decoded(pixels), lossy=lossy)
    try:
        digit = np.rint(ink.to_image(source).ravel() * 255), ink.image_box(source)
    except NothingDrawn:
        digit = None
    try:
        return digit, lines.of(source)
    except NothingDrawn:
        return digit, ()


def assert_alike(model, pictures):
    """Node makes the same images and lines. Gives how many images are the same to the last bit.

    In which order a sum of numbers of 32 bits is taken, each processor decides for NumPy. So a
    grey level halfway between two may be rounded otherwise.
    """
    same = []
    found = pictures_by_node(model, pictures)
    for (pixels, lossy), theirs in zip(pictures, found, strict=True):
        digit, expected = in_python(pixels, lossy)
        assert "error" not in theirs, theirs
        assert (digit is None) == (theirs["digit"] is None)
        if digit:
            image, box = digit
            gap = np.abs(image - theirs["digit"]["image"]).max()
            assert gap <= 1
            same.append(gap == 0)
            assert theirs["digit"]["imageBox"] == pytest.approx(box, abs=1e-3)
        assert len(theirs["lines"]) == len(expected)
        for mine, other in zip(expected, theirs["lines"], strict=True):
            assert list(mine.image.shape) == other["shape"]
            assert np.abs(mine.image.ravel() - other["data"]).max() < 1 / 255
            assert other["scale"] == pytest.approx(mine.scale)
            assert other["corner"] == pytest.approx(mine.corner, abs=1e-3)
    return sum(same), len(same)


def turned(picture):
    return np.asarray(Image.fromarray(picture).rotate(90, expand=True))


MADE = {
    "as it is": lambda picture: picture,
    "light on dark": lambda picture: 255 - picture,
    "turned": turned,
    "tiny": lambda picture: np.asarray(Image.fromarray(picture).resize((40, 30))),
    "28 x 28": lambda picture: np.asarray(Image.fromarray(picture).resize((28, 28))),
    "large": lambda picture: picture.repeat(4, 0).repeat(4, 1),
}


@pytest.mark.parametrize("way", MADE)
def test_a_picture_becomes_the_same_image_and_lines(model, way):
    pictures = [(rgba(MADE[way](picture)), False) for picture in PAPERS.values()]
    same, count = assert_alike(model, pictures)
    assert same >= 0.9 * count


def test_so_does_a_sheet_on_a_desk(model):
    assert_alike(model, [(rgba(on_a_desk(grey)), False) for grey in (20, 60, 90)])


@st.composite
def some_pictures(draw):
    """A digit or a number, with any pen in any colour on any paper, perhaps transparent."""
    text = draw(st.text("01234578", min_size=1, max_size=4))
    size, pen = draw(st.floats(0.3, 3)), draw(st.floats(2, 14))
    shape = int(140 * size) + 4, int((60 + STEP * len(text)) * size) + 4
    strokes = written(text, 30 * size, 30 * size, size, draw(st.floats(-0.1, 0.1)))
    inked = pictured(strokes, shape, max(1, pen * size))
    angle = draw(st.sampled_from([0, 0, 12]))
    inked = np.asarray(Image.fromarray(inked).rotate(angle))[..., None]
    byte = st.integers(0, 255)
    colours = st.one_of(byte.map(lambda grey: (grey,) * 3), st.tuples(byte, byte, byte))
    colour, paper = np.array(draw(colours)), np.array(draw(colours))
    if draw(st.booleans()):
        alpha = np.rint(255 * inked)
        pixels = np.concatenate([np.broadcast_to(colour, (*shape, 3)), alpha], 2)
        return pixels.astype(np.uint8), False
    light = np.linspace(1, draw(st.floats(0.4, 1)), shape[1])[:, None]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    noise = rng.normal(0, draw(st.sampled_from([0, 0, 3])), (*shape, 3))
    seen = (colour * inked + paper * (1 - inked)) * light + noise
    image = Image.fromarray(seen.clip(0, 255).astype(np.uint8))
    if not draw(st.booleans()):
        return rgba(image), False
    file = io.BytesIO()
    image.save(file, "JPEG", quality=draw(st.integers(30, 95)))
    return rgba(Image.open(file)), True


@settings(max_examples=6, deadline=None)
@given(st.lists(some_pictures(), min_size=12, max_size=12))
def test_so_does_any_picture_of_a_number(model, pictures):
    same, count = assert_alike(model, pictures)
    assert same >= 0.9 * count - 1


def rows_of_digits(seed):
    """One to four rows on grey paper."""
    rng = random.Random(seed)
    texts = ["".join(rng.choices("01234578", k=rng.randint(1, 6))) for _ in range(1 + seed % 4)]
    strokes = [
        stroke
        for index, text in enumerate(texts)
        for stroke in written(text, 60, 60 + ROW * index, slope=rng.uniform(-0.05, 0.05))
    ]
    inked = pictured(strokes, (ROW * len(texts) + 80, 120 + STEP * 6))
    return rgba((220 * np.linspace(1, 0.7, inked.shape[1]) * (1 - 0.7 * inked)).astype(np.uint8))


def test_a_picture_reads_as_in_python(reader, model):
    pictures = [rows_of_digits(seed) for seed in range(12)]
    found = pictures_by_node(model, [(pixels, False) for pixels in pictures], reads=True)
    for pixels, theirs in zip(pictures, found, strict=True):
        digit, mine = reader.read(pixels), reader.read_any(pixels)
        assert theirs["digit"]["label"] == digit.label
        assert theirs["digit"]["accepted"] == digit.accepted
        assert theirs["digit"]["oodScore"] == pytest.approx(digit.ood_score, abs=0.02)
        number = reader.read_number(pixels)
        assert (theirs["number"]["text"], theirs["number"]["accepted"]) == (
            number.text,
            number.accepted,
        )
        if isinstance(mine, inkling.Reading):
            assert theirs["any"]["label"] == mine.label
            continue
        several = isinstance(mine, tuple)
        rows = zip(*((mine, theirs["any"]) if several else ([mine], [theirs["any"]])), strict=True)
        for one, other in rows:
            assert (other["text"], other["accepted"]) == (one.text, one.accepted)
            assert other["confidence"] == pytest.approx(one.confidence, abs=2e-3)
            assert other["box"] == pytest.approx(one.box, abs=1e-3)
            boxes = [part["box"] for part in other["parts"]]
            assert np.array(boxes) == pytest.approx(np.array([part.box for part in one.parts]))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (64, 64), (300, 400), (1200, 900)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_picture_without_ink_has_no_reading(model, shape, grey):
    (found,) = pictures_by_node(model, [(rgba(np.full(shape, grey, np.uint8)), False)], reads=True)
    assert found == {"digit": None, "lines": [], "any": None, "number": None}


def test_what_cannot_be_read_is_an_error_in_a_line(model):
    strip = np.full((3, 2000), 255, np.uint8)
    strip[1, 500:1000] = 0
    with pytest.raises(InkError) as error:
        ink.to_image(strip)
    (found,) = pictures_by_node(model, [(rgba(strip), False)])
    assert found["error"] == f"{error.value.error}: crop it to what is to be read"
    program = """
    const tries = [
      () => new Picture({ data: [0, 0], width: 2, height: 2 }),
      () => new Picture({ data: [], width: 0, height: 2 }),
      () => new Picture({ data: [], width: 10000, height: 6000 }),
      () => reader.read({ data: new Uint8Array(4), width: 1, height: 1 }),
      () => reader.readAny("7.png"),
      () => new Reader({ ...JSON.parse(about), numbers: undefined }, new Uint8Array(weights).buffer)
        .read(new Picture({ data: [0, 0, 0, 255], width: 1, height: 1 })),
    ];
    const said = tries.map((act) => { try { act(); } catch (error) { return error.message; } });
    process.stdout.write(JSON.stringify(said));
    """
    no_picture = "of pixels, new Picture(pixels) from inkling-js/picture.js"
    assert by_node(program, model) == [
        "Expected 4 numbers for each of 2 x 2 pixels, got 2: give an ImageData",
        "Expected a picture of at least one pixel, got 0 x 2: check how it was made",
        "Expected at most 50,000,000 pixels, got 10,000 x 6,000: scale the picture down",
        f"Expected strokes or a Picture, got Object: {no_picture}",
        f"Expected strokes or a Picture, got String: {no_picture}",
        "Expected a bundle of digits to read a picture, got another one: use readImage",
    ]
