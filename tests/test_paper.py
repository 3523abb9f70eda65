"""Synthetic photographs of digits: paper and light must not change what is read."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scipy import ndimage

from inkling import Drawing, Reader, ink, to_image
from inkling.errors import InkError, NothingDrawn

THREE = [[(30, 25), (60, 18), (70, 40), (45, 52), (72, 66), (62, 92), (28, 86)]]
HEIGHT, WIDTH = 300, 400


def ink_of(pen=14, place=(120, 90), size=2.0):
    """The ink `(300, 400)` of a 3 in [0, 1]."""
    image = Image.new("L", (WIDTH, HEIGHT))
    pencil = ImageDraw.Draw(image)
    for stroke in THREE:
        path = [(place[0] + size * x, place[1] + size * y) for x, y in stroke]
        pencil.line(path, fill=255, width=pen, joint="curve")
        for x, y in path:
            pencil.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=255)
    return ndimage.gaussian_filter(np.asarray(image) / 255, 1)


def photographed(ink, paper=200.0, light=1.0, noise=3.0, strength=0.7):
    """The brightness of paper under a light, of which ink absorbs a share."""
    grain = np.random.default_rng(0).normal(0, noise, ink.shape)
    return (paper * light * (1 - strength * ink) + grain).clip(0, 255).astype(np.uint8)


def across(share):
    """A light that decreases by `share` from left to right."""
    return np.broadcast_to(np.linspace(1, 1 - share, WIDTH), (HEIGHT, WIDTH))


def ruled():
    lines = np.zeros((HEIGHT, WIDTH))
    lines[12::45] = lines[13::45] = 0.5
    return lines


def ruled_down():
    lines = np.zeros((HEIGHT, WIDTH))
    lines[:, 20::45] = lines[:, 21::45] = 0.5
    return lines


def edge_of_a_table():
    table = np.zeros((HEIGHT, WIDTH))
    table[:, :35] = 1
    return table


def specks():
    dots = np.zeros((HEIGHT, WIDTH))
    dots[np.random.default_rng(1).integers(0, HEIGHT, 30), 5:-5:13] = 1
    return dots


def far_from(picture, clean):
    """The difference of two pictures' images, as a share of the ink."""
    image, expected = to_image(picture), to_image(clean)
    return float(np.abs(image - expected).sum() / expected.sum())


CLEAN = photographed(ink_of(), noise=0)
PAPERS = {
    "noise": photographed(ink_of(), noise=8),
    "light from the left": photographed(ink_of(), light=across(0.7)),
    "a shadow": photographed(ink_of(), light=np.where(across(1) > 0.8, 1.0, 0.6)),
    "ruled": photographed(np.maximum(ink_of(), ruled())),
    "ruled, light from the left": photographed(np.maximum(ink_of(), ruled()), light=across(0.6)),
    "squared": photographed(np.maximum(ink_of(), np.maximum(ruled(), ruled_down()))),
    "specks": photographed(np.maximum(ink_of(), specks())),
    "the edge of a table": photographed(np.maximum(ink_of(), edge_of_a_table())),
    "chalk on a board": 255 - photographed(ink_of(), light=across(0.2)),
}


@pytest.mark.parametrize("name", PAPERS)
def test_paper_and_light_do_not_change_the_ink(name):
    assert Reader.load().read(PAPERS[name]).label == 3
    assert far_from(PAPERS[name], CLEAN) < 0.25


@settings(max_examples=20)
@given(st.integers(5, 40), st.floats(1.2, 2.4), st.integers(120, 240), st.floats(0.3, 0.8))
def test_a_digit_is_read_with_any_pen_size_paper_and_ink(pen, size, paper, strength):
    place = 200 - 50 * size, 150 - 55 * size
    picture = photographed(ink_of(pen, place, size), paper, across(0.3), strength=strength)
    assert Reader.load().read(picture).label == 3


def test_a_large_photograph_gives_the_same_image():
    large = photographed(ink_of()).repeat(10, 0).repeat(10, 1)  # 12 million pixels
    assert far_from(large, CLEAN) < 0.3


def test_strokes_get_a_width_that_occurs_in_mnist():
    drawn = to_image(Drawing(THREE))
    gaps = [
        float(np.abs(to_image(photographed(ink_of(pen), noise=0)) - drawn).sum() / drawn.sum())
        for pen in (3, 14, 22)
    ]
    assert max(gaps) < 0.6
    thin = to_image(photographed(ink_of(3), noise=0))
    assert thin.sum() > 0.5 * drawn.sum()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "paper",
    [
        lambda rng: 200 + rng.normal(0, 6, (HEIGHT, WIDTH)),
        lambda rng: 200 * across(0.6) + rng.normal(0, 6, (HEIGHT, WIDTH)),
        lambda rng: 200 * (1 - ruled()) + rng.normal(0, 2, (HEIGHT, WIDTH)),
        lambda rng: rng.integers(0, 256, (100, 100)),
    ],
)
def test_a_page_without_ink_is_an_error(paper, seed):
    page = paper(np.random.default_rng(seed)).clip(0, 255).astype(np.uint8)
    with pytest.raises(NothingDrawn):
        to_image(page)


@pytest.mark.parametrize("shape", [(1, 20_000), (3, 2_000), (40, 30_000), (20_000, 2)])
def test_a_narrow_strip_is_rejected_before_any_work(shape):
    strip = np.full(shape, 255, np.uint8)
    strip[: shape[0] // 2 or 1, shape[1] // 4 : shape[1] // 2] = 0
    for layout in ("digit", "line"):
        with pytest.raises(InkError, match="a strip of"):
            ink.to_sheet(strip, layout)


@pytest.mark.parametrize("turned", [False, True])
def test_blank_paper_with_light_from_one_side_is_blank(turned):
    light = np.broadcast_to(np.linspace(235, 170, 800), (600, 800))
    paper = (light.T if turned else light) + np.random.default_rng(0).normal(
        0, 1, (800, 600) if turned else (600, 800)
    )
    file = io.BytesIO()
    Image.fromarray(paper.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=75)
    with pytest.raises(NothingDrawn):
        ink.to_image(file.getvalue())


def test_boxes_of_parts_lie_where_the_digits_are():
    picture = Image.new("L", (4000, 2000), 255)
    for left in (600, 1800, 3000):
        ImageDraw.Draw(picture).line([(left, 500), (left + 400, 500), (left + 150, 1500)], 0, 12)
    number = Reader.load().read_number(picture)
    assert number.text == "777"
    for part, left in zip(number.parts, (600, 1800, 3000), strict=True):
        assert part.box == pytest.approx((left, 500, left + 400, 1500), abs=50)
