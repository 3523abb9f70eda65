"""Pen strokes deformed as other writers, pens and tablets would, and rendered as images.

Strokes are a list of points `(n, 2)`, x to the right and y down, in any unit. Each function is
pure: it draws its strengths from a Generator, and gives new strokes in the unit of a box whose
longer side is 1.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from inkling import ink
from inkling.data.strokes import Item
from inkling.ink import drawing

RASTER = 160  # pixels of the longer side, in which training strokes are drawn; 8 to 1 of the box
WIDTHS = (1.4, 4.5)  # pixels of a stroke in a digit's box, as ink.paper.WIDTHS admits them
USUAL_WIDTHS = 0.4  # share of the images with the width that a reader gives strokes

Points = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Strokes = Sequence[Points]


def make(items: Sequence[Item], number: int, rng: Generator) -> tuple[Pixels, NDArray[np.intp]]:
    """Images `(number, 1, 28, 28)` in 0..255 of items drawn at random and varied, and which ones.

    Each label is drawn as often as others. A writer of n items is drawn in proportion to the
    square root of n, so that few do not write most.
    """
    writers, labels = Counter(i.writer for i in items), Counter(i.label for i in items)
    weights = np.array([writers[i.writer] ** -0.5 / labels[i.label] for i in items])
    chosen = rng.choice(len(items), number, p=weights / weights.sum())
    images = [render(vary(items[index].strokes, rng), pen_width(rng)) for index in chosen]
    return np.stack(images), chosen


def pen_width(rng: Generator) -> float:
    """A random width of strokes, in pixels of a digit's box; often the one that a reader gives."""
    if rng.random() < USUAL_WIDTHS:
        return drawing.STROKE
    return math.exp(rng.uniform(*np.log(WIDTHS)))


def render(strokes: Strokes, width: float) -> Pixels:
    """The image `(1, 28, 28)` in 0..255 of strokes of this width, in pixels of a digit's box."""
    drawn = ink.Drawing([stroke.tolist() for stroke in strokes], drawing.MIN_PEN)
    sheet = drawing.render(drawn, "digit", RASTER, width)
    return np.asarray(np.rint(ink.fit(sheet.ink) * 255), np.uint8)


def vary(strokes: Strokes, rng: Generator) -> list[Points]:
    """Strokes as another hand might write them: each effect at random, none of them strong."""
    varied = boxed(strokes)
    varied = bent(varied, rng)
    if rng.random() < 0.5:
        varied = moved(varied, rng)
    if rng.random() < 0.3:
        varied = ended(varied, rng)
    varied = turned(varied, rng)
    if rng.random() < 0.35:
        varied = sampled(varied, rng)
    if rng.random() < 0.35:
        varied = shaken(varied, rng)
    if rng.random() < 0.12:
        varied = joined(varied, rng)
    if rng.random() < 0.08:
        varied = broken(varied, rng)
    return varied


def boxed(strokes: Strokes) -> list[Points]:
    """Strokes in a box whose longer side is 1, centred at 0."""
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    side = max(float((high - low).max()), 1e-9)
    return [(stroke - (low + high) / 2) / side for stroke in strokes]


def bent(strokes: Strokes, rng: Generator) -> list[Points]:
    """Bent by smooth waves, the same for all strokes."""
    waves = rng.normal(0, rng.uniform(0, 0.06), (2, 8))

    def bend(points: Points) -> Points:
        x, y = points.T
        terms = [x * x, y * y, x * y, np.sin(3 * y), np.sin(3 * x), np.sin(3 * x + 2 * y)]
        terms += [np.sin(5 * y - 2 * x), np.sin(6 * y)]
        return np.asarray(points + (waves @ np.stack(terms)).T)

    return [bend(stroke) for stroke in strokes]


def turned(strokes: Strokes, rng: Generator) -> list[Points]:
    """Turned by up to 12 degrees, slanted, and made narrower or wider."""
    angle = math.radians(rng.uniform(-12, 12))
    cos, sin = math.cos(angle), math.sin(angle)
    width = math.exp(rng.normal(0, 0.22))
    slanted = np.array([[width, rng.normal(0, 0.14)], [0, 1]])
    matrix = np.array([[cos, -sin], [sin, cos]]) @ slanted
    return [np.asarray(stroke @ matrix.T) for stroke in strokes]


def moved(strokes: Strokes, rng: Generator) -> list[Points]:
    """Each stroke moved and scaled a little by itself, as where a pen is set down again."""
    if len(strokes) < 2:
        return list(strokes)
    found = []
    for stroke in strokes:
        middle = stroke.mean(0)
        scale = math.exp(rng.normal(0, 0.08))
        found.append((stroke - middle) * scale + middle + rng.normal(0, 0.035, 2))
    return found


def ended(strokes: Strokes, rng: Generator) -> list[Points]:
    """A stroke's beginning or end made longer, shorter, or hooked."""
    found = list(strokes)
    at = int(rng.integers(len(found)))
    stroke = resampled(found[at], 0.03)
    if len(stroke) < 5:
        return found
    backwards = rng.random() < 0.5
    if backwards:
        stroke = stroke[::-1]
    kind = rng.random()
    if kind < 0.35:  # shorter
        stroke = stroke[: len(stroke) - int(rng.integers(1, max(2, len(stroke) // 8 + 1)))]
    else:
        ahead = stroke[-1] - stroke[-4]
        ahead = ahead / max(float(np.hypot(*ahead)), 1e-9)
        if kind < 0.75:  # hooked: back at a sharp angle
            angle = rng.choice([-1, 1]) * rng.uniform(1.6, 2.8)
            length = rng.uniform(0.03, 0.14)
        else:
            angle, length = rng.normal(0, 0.4), rng.uniform(0.03, 0.2)
        cos, sin = math.cos(angle), math.sin(angle)
        ahead = np.array([cos * ahead[0] - sin * ahead[1], sin * ahead[0] + cos * ahead[1]])
        stroke = np.concatenate([stroke, (stroke[-1] + length * ahead)[None]])
    found[at] = stroke[::-1] if backwards else stroke
    return found


def sampled(strokes: Strokes, rng: Generator) -> list[Points]:
    """Written fast on a slow tablet: few points, far apart, so that curves have corners."""
    step = rng.uniform(0.08, 0.28)
    return [resampled(stroke, step) for stroke in strokes]


def shaken(strokes: Strokes, rng: Generator) -> list[Points]:
    """With a tremor, fine or coarse."""
    found = []
    size, step = rng.uniform(0.004, 0.022), rng.uniform(0.03, 0.1)
    for stroke in strokes:
        fine = resampled(stroke, step)
        found.append(fine + rng.normal(0, size, fine.shape))
    return found


def joined(strokes: Strokes, rng: Generator) -> list[Points]:
    """Two strokes joined by the way of a pen that was not lifted."""
    if len(strokes) < 2:
        return list(strokes)
    at = int(rng.integers(len(strokes) - 1))
    both = np.concatenate([strokes[at], strokes[at + 1]])
    return [*strokes[:at], both, *strokes[at + 2 :]]


def broken(strokes: Strokes, rng: Generator) -> list[Points]:
    """With a gap in one stroke, as where a pen gives no ink."""
    found = list(strokes)
    at = int(rng.integers(len(found)))
    fine = resampled(found[at], 0.02)
    gap = int(rng.integers(1, 6))
    if len(fine) > gap + 8:
        start = int(rng.integers(3, len(fine) - gap - 3))
        found[at : at + 1] = [fine[:start], fine[start + gap :]]
    return found


def resampled(stroke: Points, step: float) -> Points:
    """Points along a stroke, this far apart; its two ends stay."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(2, round(along[-1] / step) + 1)
    if len(stroke) < 2 or along[-1] <= 0:
        return stroke
    places = np.linspace(0, along[-1], count)
    return np.stack([np.interp(places, along, axis) for axis in stroke.T], 1)
