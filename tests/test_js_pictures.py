"""inkling-js reads pictures as the Reader does: by node, against Python."""

import base64
import io
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_js import by_node
from test_lines import ROW, STEP, pictured, written
from test_paper import PAPERS, on_a_desk

import inkling
from inkling import ink
from inkling.errors import InkError, NothingDrawn
from inkling.ink import lines

START = """
import { Picture } from "PATH/picture.js";
const reader = load(given.model);
"""
PROGRAM = """
const bytes = (image) => [...image].map((value) => Math.round(value * 255));
const plain = (reading) => reading && { ...reading, image: bytes(reading.image) };
answer(given.pictures.map(({ base64, width, height, lossy }) => {
  try {
    const picture = new Picture({ data: Buffer.from(base64, "base64"), width, height }, lossy);
    const lines = picture.toLines().map((line) => ({ ...line, data: [...line.data] }));
    const any = given.reads ? reader.readAny(picture) : null;
    const number = given.reads ? reader.readNumber(picture) : null;
    return { digit: plain(reader.read(picture)), lines, any, number };
  } catch (error) {
    return { error: error.message };
  }
}));
"""


@pytest.fixture(scope="module")
def reader():
    return inkling.Reader.load()


@pytest.fixture(scope="module")
def model(reader, tmp_path_factory):
    """The folder of the bundle that ships, for inkling-js."""
    return inkling.export(reader, "js", tmp_path_factory.mktemp("js") / "model")


def by_reader(program, model, **given):
    """What a program with a `reader` answers."""
    return by_node(START + program, {"model": str(model), **given})


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
    return by_reader(PROGRAM, model, pictures=given, reads=reads)


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


def cut(seed):
    """Turns a picture by a few degrees and cuts a part out of it: lines leave it anywhere."""

    def of(picture):
        rng = random.Random(f"{seed} {picture.shape}")
        seen = Image.fromarray(picture).rotate(rng.uniform(-5, 5), Image.Resampling.BILINEAR)
        wide, high = (round(side * rng.uniform(0.55, 0.8)) for side in seen.size)
        left, top = (rng.randint(30, 90) for _ in range(2))
        return np.asarray(seen.crop((left, top, left + wide, top + high)))

    return of


MADE = {
    "as it is": lambda picture: picture,
    "light on dark": lambda picture: 255 - picture,
    "turned": turned,
    "tiny": lambda picture: np.asarray(Image.fromarray(picture).resize((40, 30))),
    "28 x 28": lambda picture: np.asarray(Image.fromarray(picture).resize((28, 28))),
    "large": lambda picture: picture.repeat(4, 0).repeat(4, 1),
    **{f"cut {seed}": cut(seed) for seed in range(4)},
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


@settings(max_examples=6)
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
      () => Object.assign(load(given.model), { lineLayers: undefined })
        .read(new Picture({ data: [0, 0, 0, 255], width: 1, height: 1 })),
    ];
    const said = tries.map((act) => { try { act(); } catch (error) { return error.message; } });
    answer(said);
    """
    no_picture = "of pixels, new Picture(pixels) from inkling-js/picture.js"
    assert by_reader(program, model) == [
        "Expected 4 numbers for each of 2 x 2 pixels, got 2: give an ImageData",
        "Expected a picture of at least one pixel, got 0 x 2: check how it was made",
        "Expected at most 50,000,000 pixels, got 10,000 x 6,000: scale the picture down",
        f"Expected strokes or a Picture, got Object: {no_picture}",
        f"Expected strokes or a Picture, got String: {no_picture}",
        "Expected a bundle of digits to read a picture, got another one: use readImage",
    ]
