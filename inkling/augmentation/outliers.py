"""What is no digit: images to learn to refuse, of strokes, glyphs, shapes, noise, cut-up digits.

None of them is anybody's handwriting: letters and symbols come from fonts, the others are drawn by
chance or cut from the digits given. What could pass for a digit is left out: O, l, Z, a single
curve, half a digit. Source: Hendrycks, Mazeika & Dietterich 2019, outlier exposure.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from inkling.augmentation import handwriting
from inkling.errors import NothingDrawn
from inkling.ink.image import SIDE, to_image

PENS = (3.0, 9.0)  # pixels of a sheet of hands.py; a wider one fills a tangle to a blot
GLYPHS = "ACEFHKLMNPRTVWXacdefhkmnprtvwxΓΔΛΞΠΣΨΩαηκλμπωДЖИЛФШЮЯ!?#%*+=<>@~^€×÷±≠≈√∞←→★♥♪✓"
TOUCHING = 0.7  # of neighbouring digits
NARROW = 0.45  # of its height: what is narrower could be a 1
TURNED, MIRRORED, SWAPPED = (2, 3, 4, 5, 7), (3, 7, 9), (2, 4, 5, 7)  # then no digits any more

Pixels = NDArray[np.uint8]
Chance = np.random.Generator
Pick = Callable[[Sequence[int]], Pixels]  # one of these digits -> an image (28, 28) of it


def make(pixels: Pixels, labels: NDArray[np.integer], count: int, chance: Chance) -> Pixels:
    """So many images `(count, 1, 28, 28)` in 0..255, kind after kind.

    `pixels` `(N, 1, 28, 28)` and `labels` `(N,)` are the digits that some are cut from.
    """
    of_label = [np.flatnonzero(labels == digit) for digit in range(10)]

    def pick(digits: Sequence[int]) -> Pixels:
        return np.asarray(pixels[chance.choice(of_label[chance.choice(digits)]), 0])

    made = np.empty((count, 1, SIDE, SIDE), np.uint8)
    ends = np.rint(np.cumsum(list(KINDS.values())) / sum(KINDS.values()) * count)
    draws = list(KINDS)
    for index in range(count):
        draw = draws[int(np.searchsorted(ends, index, "right"))]
        made[index] = _seen(draw, chance, pick)
    return made


def _seen(draw: "Draw", chance: Chance, pick: Pick) -> Pixels:
    """What a reader sees of one; of what fills a whole image, one in two stays as it is."""
    while True:
        picture = draw(chance, pick)
        if picture.shape == (SIDE, SIDE) and chance.random() < 0.5:
            return picture[None]
        try:
            return np.rint(to_image(picture) * 255).astype(np.uint8)
        except NothingDrawn:
            continue


def scribble(chance: Chance, _: Pick) -> Pixels:
    """A tangle: of a pen that wanders, of loops, of waves or of crossing lines."""
    steps = np.linspace(0, 1, 80)
    while True:
        kind = chance.integers(4)
        if kind == 0:
            turns = ndimage.gaussian_filter1d(chance.normal(0, 1, 80), chance.uniform(1, 5))
            heading = np.cumsum(turns / turns.std() * chance.uniform(0.3, 0.8))
            strokes = [np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)]
        elif kind == 1:
            angle = 2 * math.pi * chance.uniform(2.2, 6) * steps
            reach = chance.uniform(0.3, 1) + chance.uniform(-0.3, 1) * steps
            drift = chance.normal(0, 2, 2) * steps[:, None]
            strokes = [np.stack([np.cos(angle), np.sin(angle)], 1) * reach[:, None] + drift]
        elif kind == 2:
            phase = 2 * math.pi * chance.uniform(2, 6) * steps
            wave = np.sin(phase) if chance.random() < 0.5 else np.arcsin(np.sin(phase))
            strokes = [np.stack([steps * chance.uniform(1, 6), wave], 1) @ _turn(chance)]
        else:
            strokes = list(chance.uniform(0, 1, (chance.integers(3, 9), 2, 2)))
        width, height = np.ptp(np.concatenate(strokes), 0)
        if width > NARROW * height:
            return handwriting.drawn(strokes, chance.uniform(*PENS))


def dash(chance: Chance, _: Pick) -> Pixels:
    """One to three lines, level or nearly, hardly bent."""
    across = np.linspace(0, 1, 20)
    strokes = []
    for row in range(chance.choice([1, 1, 1, 2, 3])):
        fall, bend = chance.uniform(-0.5, 0.5), chance.uniform(-0.15, 0.15)
        down = row * 0.4 + fall * across + bend * np.sin(math.pi * across)
        strokes.append(np.stack([across * chance.uniform(0.7, 1), down], 1))
    return handwriting.drawn(strokes, chance.uniform(*PENS))


def dots(chance: Chance, _: Pick) -> Pixels:
    """One to six dots."""
    places = chance.uniform(0, 1, (chance.integers(1, 7), 1, 2))
    return handwriting.drawn(list(places), chance.uniform(*PENS))


def glyph(chance: Chance, _: Pick) -> Pixels:
    """A letter or a symbol of some font."""
    glyphs = handwriting.glyphs(GLYPHS)
    return handwriting.printed(*glyphs[chance.integers(len(glyphs))])


def shape(chance: Chance, pick: Pick) -> Pixels:
    """One to four filled shapes, plain or patterned, one in two the same on both sides."""
    sheet = Image.new("L", (SIDE, SIDE))
    pencil = ImageDraw.Draw(sheet)
    even = chance.random() < 0.5
    for _ in range(chance.integers(1, 5)):
        grey, corners = int(chance.integers(90, 256)), chance.integers(3, 9)
        angles = np.sort(chance.uniform(0, 2 * math.pi, corners))
        reach = chance.uniform(4, 14, (corners, 1))
        points = chance.uniform(8, 20, 2) + reach * np.stack([np.cos(angles), np.sin(angles)], 1)
        for side in (points, points * (-1, 1) + (SIDE, 0)) if even else (points,):
            pencil.polygon([tuple(point) for point in side], fill=grey)
    filled = np.asarray(sheet)
    if chance.random() < 0.5:
        plain = chance.uniform(0.3, 0.9)
        filled = filled * (plain + (1 - plain) * texture(chance, pick) / 255)
    return filled.astype(np.uint8)


def texture(chance: Chance, _: Pick) -> Pixels:
    """Stripes, checks or clouds."""
    y, x = np.mgrid[:SIDE, :SIDE]
    if chance.random() < 0.5:
        waves = np.stack([x, y], 2) @ (_turn(chance) * chance.uniform(0.3, 2))
        pattern = np.sin(waves[..., 0] + chance.uniform(0, 6))
        if chance.random() < 0.5:
            pattern = pattern * np.sin(waves[..., 1])
    else:
        pattern = ndimage.gaussian_filter(chance.normal(0, 1, x.shape), chance.uniform(0.7, 4))
    pattern = (pattern - pattern.min()) / np.ptp(pattern)
    if chance.random() < 0.4:
        pattern = pattern > chance.uniform(0.3, 0.7)
    return np.asarray(pattern * 255, np.uint8)


def noise(chance: Chance, _: Pick) -> Pixels:
    """Pixels by chance, few or many, black and white or grey."""
    kept = chance.random((SIDE, SIDE)) < chance.uniform(0.05, 1)
    grey = chance.random((SIDE, SIDE)) if chance.random() < 0.5 else 1
    return np.asarray(255 * kept * grey, np.uint8)


def several(chance: Chance, pick: Pick) -> Pixels:
    """Two or three digits in a row, apart or touching."""
    row = _trimmed(pick(range(10)))
    for _ in range(chance.choice([1, 1, 1, 2])):
        other = _trimmed(pick(range(10)))
        height = max(len(row), len(other)) + int(chance.integers(4))
        parts = [
            np.pad(part, ((top, height - len(part) - top), (0, 0)))
            for part in (row, other)
            for top in [int(chance.integers(height - len(part) + 1))]
        ]
        gap = int(chance.integers(0, 8))
        if chance.random() < TOUCHING:
            gap = -_room(*parts) - int(chance.integers(3))
        start = max(parts[0].shape[1] + gap, parts[0].shape[1] // 2)
        both = np.zeros((height, max(parts[0].shape[1], start + parts[1].shape[1])), np.uint8)
        for part, left in zip(parts, (0, start), strict=True):
            place = both[:, left : left + part.shape[1]]
            np.maximum(place, part, out=place)
        row = both
    return row


def _room(left: Pixels, right: Pixels) -> int:
    """How far the second of two that stand side by side can move before their ink meets."""
    inked = left[:, ::-1] > 64, right > 64
    both = inked[0].any(1) & inked[1].any(1)
    gaps = inked[0].argmax(1) + inked[1].argmax(1)
    return int(gaps[both].min(initial=min(left.shape[1], right.shape[1]) // 2))


def cut_up(chance: Chance, pick: Pick) -> Pixels:
    """A digit turned by a quarter, mirrored, or its halves exchanged."""
    kind = chance.integers(3)
    if kind == 0:
        return np.rot90(pick(TURNED), chance.choice([1, 3]))
    if kind == 1:
        return pick(MIRRORED)[:, ::-1]
    whole, axis = _trimmed(pick(SWAPPED)), int(chance.integers(2))
    return np.roll(whole, whole.shape[axis] // 2, axis)


def _trimmed(image: Pixels) -> Pixels:
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _turn(chance: Chance) -> NDArray[np.float64]:
    angle = chance.uniform(0, 2 * math.pi)
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


Draw = Callable[[Chance, Pick], Pixels]
KINDS: dict[Draw, float] = {  # and its share
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
