"""Outliers: images of no digit, from which a network learns what to reject.

They show scribbles, letters and symbols of fonts, shapes, noise, several digits, or a digit cut
up. They are drawn at random or cut from digits of a data set. What could pass for a digit is left
out: O, l, Z, a single curve, half a digit.
Source: Hendrycks, Mazeika & Dietterich 2019, outlier exposure.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from inkling.augmentation import handwriting, strokes
from inkling.data import Item
from inkling.errors import NothingDrawn
from inkling.ink import SIDE, to_image

PENS = (1.1, 3.5)  # pixels in a digit's box; a wider pen would turn a scribble into a blot
GLYPHS = "ACEFHKLMNPRTVWXacdefhkmnprtvwxΓΔΛΞΠΣΨΩαηκμπωДЖИЛФШЮЯ!?#%*+=<>@~^€×÷±≠≈√∞←→★♥♪✓"
TOUCHING = 0.7  # share of neighbouring digits that touch
MIN_WIDTH = 0.45  # of its height: a narrower scribble could be a 1
# The digits that are no digit any more when turned, mirrored, or with their halves exchanged
TURNED, MIRRORED, SWAPPED = (2, 3, 4, 5), (3, 7, 9), (2, 4, 5, 7)

# Letters and signs that no one could tell from a digit, by their labels: of one character, of
# LaTeX, and of Omniglot's alphabets, whose characters have numbers
LIKE_DIGITS = frozenset(
    [
        *"OoQDlI|SsZzbqgByG()/,.'`\\]^&{}",
        *(r"\{", r"\}", r"\prime", r"\exists", r"\phi", r"\sigma", r"\theta", r"\int"),
        *(r"\gamma", r"\lambda", r"\Delta"),
        *(f"Balinese/character{number:02}" for number in (5, 14)),
        *(
            f"Early_Aramaic/character{number:02}"
            for number in (2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 16, 17, 20)
        ),
        *(f"Greek/character{number:02}" for number in (2, 4, 6, 9, 11, 15, 18)),
        *(
            f"Korean/character{number:02}"
            for number in (5, 7, 9, 10, 12, 20, 21, 22, 24, 27, 33, 37)
        ),
        *(f"Latin/character{number:02}" for number in (2, 7, 9, 12, 15, 17, 19, 26)),
    ]
)
WORDS = 0.15  # share of the images with two letters, signs or digits side by side

Pixels = NDArray[np.uint8]
Pick = Callable[[Sequence[int]], Pixels]  # digits -> a random image (28, 28) of one of them


def make(pixels: Pixels, labels: NDArray[np.integer], number: int, rng: Generator) -> Pixels:
    """That number of images `(number, 1, 28, 28)` in 0..255, one kind after the other.

    `pixels` `(N, 1, 28, 28)` and `labels` `(N,)` are the digits that some outliers are cut from.
    """
    of_label = [np.flatnonzero(labels == digit) for digit in range(10)]

    def pick(digits: Sequence[int]) -> Pixels:
        return np.asarray(pixels[rng.choice(of_label[rng.choice(digits)]), 0])

    made = np.empty((number, 1, SIDE, SIDE), np.uint8)
    ends = np.rint(np.cumsum(list(KINDS.values())) / sum(KINDS.values()) * number)
    draws = list(KINDS)
    for index in range(number):
        draw = draws[int(np.searchsorted(ends, index, "right"))]
        made[index] = _seen(draw, rng, pick)
    return made


def is_like_a_digit(label: str) -> bool:
    """Whether a letter or a sign, out of context, could be a digit."""
    return label in LIKE_DIGITS


def written(others: Sequence[Item], digits: Sequence[Item], number: int, rng: Generator) -> Pixels:
    """That number of images `(number, 1, 28, 28)` in 0..255 of people's letters and signs, varied.

    A share shows two side by side, which may be digits.
    """
    words = round(WORDS * number)
    single, _ = strokes.make(others, number - words, rng)
    everything = [*others, *digits]
    pairs = [
        Item("", "", beside(*(everything[i].strokes for i in two)))
        for two in rng.integers(len(everything), size=(words, 2))
    ]
    several, _ = strokes.make(pairs, words, rng)
    return np.concatenate([single, several])


def beside(left: strokes.Strokes, right: strokes.Strokes) -> tuple[strokes.Points, ...]:
    """Two drawings side by side, equally high, a tenth of their height apart."""
    found: list[strokes.Points] = []
    for drawing in (left, right):
        points = np.concatenate(drawing)
        low, high = points.min(0), points.max(0)
        height = max(high[1] - low[1], (high[0] - low[0]) / 3, 1e-9)
        start = max((stroke[:, 0].max() for stroke in found), default=-0.1) + 0.1
        found += [(stroke - low) / height + (start, 0) for stroke in drawing]
    return tuple(found)


def _seen(draw: "Draw", rng: Generator, pick: Pick) -> Pixels:
    """One outlier as a reader sees it. Half of those that fill an image stay as they are drawn."""
    while True:
        picture = draw(rng, pick)
        if picture.shape == (SIDE, SIDE) and rng.random() < 0.5:
            return picture[None]
        try:
            return np.rint(to_image(picture) * 255).astype(np.uint8)
        except NothingDrawn:
            continue


def scribble(rng: Generator, _: Pick) -> Pixels:
    """A scribble: a random walk, loops, waves or crossing lines."""
    steps = np.linspace(0, 1, 80)
    while True:
        kind = rng.integers(4)
        if kind == 0:
            turns = ndimage.gaussian_filter1d(rng.normal(0, 1, 80), rng.uniform(1, 5))
            heading = np.cumsum(turns / turns.std() * rng.uniform(0.3, 0.8))
            lines = [np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)]
        elif kind == 1:
            angle = 2 * math.pi * rng.uniform(2.2, 6) * steps
            reach = rng.uniform(0.3, 1) + rng.uniform(-0.3, 1) * steps
            drift = rng.normal(0, 2, 2) * steps[:, None]
            lines = [np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None] + drift]
        elif kind == 2:
            phase = 2 * math.pi * rng.uniform(2, 6) * steps
            wave = np.sin(phase) if rng.random() < 0.5 else np.arcsin(np.sin(phase))
            lines = [np.stack([steps * rng.uniform(1, 6), wave], 1) @ _turn(rng)]
        else:
            lines = list(rng.uniform(0, 1, (rng.integers(3, 9), 2, 2)))
        width, height = np.ptp(np.concatenate(lines), 0)
        if width > MIN_WIDTH * height:
            return np.asarray(strokes.render(lines, rng.uniform(*PENS))[0])


def dash(rng: Generator, _: Pick) -> Pixels:
    """One to three lines, nearly level and nearly straight."""
    across = np.linspace(0, 1, 20)
    lines = []
    for row in range(rng.choice([1, 1, 1, 2, 3])):
        fall, sag = rng.uniform(-0.5, 0.5), rng.uniform(-0.15, 0.15)
        down = row * 0.4 + fall * across + sag * np.sin(math.pi * across)
        lines.append(np.stack([across * rng.uniform(0.7, 1), down], 1))
    return np.asarray(strokes.render(lines, rng.uniform(*PENS))[0])


def dots(rng: Generator, _: Pick) -> Pixels:
    """One to six dots."""
    places = rng.uniform(0, 1, (rng.integers(1, 7), 1, 2))
    return np.asarray(strokes.render(list(places), rng.uniform(*PENS))[0])


def glyph(rng: Generator, _: Pick) -> Pixels:
    """A letter or a symbol of a font."""
    glyphs = handwriting.glyphs(GLYPHS)
    return handwriting.printed(*glyphs[rng.integers(len(glyphs))])


def shape(rng: Generator, pick: Pick) -> Pixels:
    """One to four filled polygons, plain or with a texture. Half of the images are symmetric."""
    sheet = Image.new("L", (SIDE, SIDE))
    pencil = ImageDraw.Draw(sheet)
    symmetric = rng.random() < 0.5
    for _ in range(rng.integers(1, 5)):
        grey, corners = int(rng.integers(90, 256)), rng.integers(3, 9)
        angles = np.sort(rng.uniform(0, 2 * math.pi, corners))
        reach = rng.uniform(4, 14, (corners, 1))
        points = rng.uniform(8, 20, 2) + reach * np.stack([np.cos(angles), np.sin(angles)], 1)
        for side in (points, points * (-1, 1) + (SIDE, 0)) if symmetric else (points,):
            pencil.polygon([tuple(point) for point in side], fill=grey)
    filled = np.asarray(sheet)
    if rng.random() < 0.5:
        plain = rng.uniform(0.3, 0.9)
        filled = filled * (plain + (1 - plain) * texture(rng, pick) / 255)
    return filled.astype(np.uint8)


def texture(rng: Generator, _: Pick) -> Pixels:
    """Stripes, checks or clouds."""
    y, x = np.mgrid[:SIDE, :SIDE]
    if rng.random() < 0.5:
        waves = np.stack([x, y], 2) @ (_turn(rng) * rng.uniform(0.3, 2))
        pattern = np.sin(waves[..., 0] + rng.uniform(0, 6))
        if rng.random() < 0.5:
            pattern = pattern * np.sin(waves[..., 1])
    else:
        pattern = ndimage.gaussian_filter(rng.normal(0, 1, x.shape), rng.uniform(0.7, 4))
    pattern = (pattern - pattern.min()) / np.ptp(pattern)
    if rng.random() < 0.4:
        pattern = pattern > rng.uniform(0.3, 0.7)
    return np.asarray(pattern * 255, np.uint8)


def noise(rng: Generator, _: Pick) -> Pixels:
    """Random pixels, few or many, black and white or grey."""
    kept = rng.random((SIDE, SIDE)) < rng.uniform(0.05, 1)
    grey = rng.random((SIDE, SIDE)) if rng.random() < 0.5 else 1
    return np.asarray(255 * kept * grey, np.uint8)


def several(rng: Generator, pick: Pick) -> Pixels:
    """Two or three digits in a row, apart or touching."""
    row = _trimmed(pick(range(10)))
    for _ in range(rng.choice([1, 1, 1, 2])):
        other = _trimmed(pick(range(10)))
        height = max(len(row), len(other)) + int(rng.integers(4))
        parts = [
            np.pad(part, ((top, height - len(part) - top), (0, 0)))
            for part in (row, other)
            for top in [int(rng.integers(height - len(part) + 1))]
        ]
        gap = int(rng.integers(0, 8))
        if rng.random() < TOUCHING:
            gap = -_room(*parts) - int(rng.integers(3))
        start = max(parts[0].shape[1] + gap, parts[0].shape[1] // 2)
        both = np.zeros((height, max(parts[0].shape[1], start + parts[1].shape[1])), np.uint8)
        for part, left in zip(parts, (0, start), strict=True):
            place = both[:, left : left + part.shape[1]]
            np.maximum(place, part, out=place)
        row = both
    return row


def _room(left: Pixels, right: Pixels) -> int:
    """How many pixels the right one of two neighbours can move left before their ink meets."""
    inked = left[:, ::-1] > 64, right > 64
    both = inked[0].any(1) & inked[1].any(1)
    gaps = inked[0].argmax(1) + inked[1].argmax(1)
    return int(gaps[both].min(initial=min(left.shape[1], right.shape[1]) // 2))


def cut_up(rng: Generator, pick: Pick) -> Pixels:
    """A digit turned by 90 degrees, mirrored, or with its halves exchanged."""
    kind = rng.integers(3)
    if kind == 0:
        return np.rot90(pick(TURNED), rng.choice([1, 3]))
    if kind == 1:
        return pick(MIRRORED)[:, ::-1]
    whole, axis = _trimmed(pick(SWAPPED)), int(rng.integers(2))
    return np.roll(whole, whole.shape[axis] // 2, axis)


def _trimmed(image: Pixels) -> Pixels:
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _turn(rng: Generator) -> NDArray[np.float64]:
    angle = rng.uniform(0, 2 * math.pi)
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


Draw = Callable[[Generator, Pick], Pixels]
KINDS: dict[Draw, float] = {  # each with its share of the images
    scribble: 0.25,
    dash: 0.05,
    dots: 0.03,
    glyph: 0.2,
    shape: 0.1,
    texture: 0.05,
    noise: 0.05,
    several: 0.25,
    cut_up: 0.1,
}
