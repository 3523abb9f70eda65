"""Tells the parts of a digit from other ink beside it, by size and place."""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

AROUND = np.ones((3, 3), bool)  # a pixel's eight neighbours
SMALL = 0.35  # of the largest part; a digit's parts that are smaller lie near it
FAR = 0.4  # of the largest part, between two boxes
APART = 0.08  # of the largest part; a word's letters are further away from a digit
CELL = 4  # pixels
WORD = 3  # small parts apart from a digit are letters
FLAT = 3  # times as wide as high
CUT = 0.7  # a part at the edge is the digit's only if this share of it is taller than others
WHOLE = 0.9  # of a side of the picture
BLOB = 0.25  # of its length, of the thickness of what is no stroke

Mask = NDArray[np.bool_]
Labels = NDArray[np.signedinteger[Any]]


def width(mask: Mask) -> float:
    """The width of the strokes in pixels: four times the mean distance of ink from paper."""
    (box,) = scipy.ndimage.find_objects(mask.astype(np.uint8))
    inside = scipy.ndimage.distance_transform_edt(np.pad(mask[box], 1))
    return float(4 * (inside[inside > 0].mean() - 0.5))


def of_digit(mask: Mask) -> Mask:
    """The ink `(H, W)` of the one digit in it, without what lies beside it.

    The tallest part is the digit's. Small parts that are far away go, and so do the letters of a
    word, a line under the digit, and what enters from the edge of the picture. What is neither is
    kept, so that several things are seen as such.
    """
    labels, count = scipy.ndimage.label(mask, AROUND)
    if count < 2:
        return mask
    places = scipy.ndimage.find_objects(labels)
    boxes = np.array([[s.start for s in place] + [s.stop for s in place] for place in places])
    at_edge = ((boxes[:, :2] == 0) | (boxes[:, 2:] == mask.shape)).any(1)
    high, wide = (boxes[:, 2:] - boxes[:, :2]).T
    size = np.maximum(high, wide)
    surround = at_edge & _is_surround(labels, size)
    surround &= not surround.all()
    main = int(np.argmax(high * np.where(at_edge, CUT, 1) * ~surround))
    gap = _distances(labels, main + 1) / size[main]
    small = size < SMALL * size[main]
    letters = small & (gap > APART)
    underline = (wide > FLAT * high) & (gap > APART) & (boxes[:, 0] >= boxes[main, 2])
    other = surround | underline | (gap > FAR) & (small | at_edge)
    if letters.sum() >= WORD:
        other |= letters
    other[main] = False
    return np.asarray(np.concatenate([[False], ~other])[labels])


def _distances(labels: Labels, main: int) -> NDArray[np.float64]:
    """How far each part lies from the main one `(n,)`, in pixels, to within CELL."""
    rows, columns = np.nonzero(labels)
    part, at = labels[rows, columns], (rows // CELL, columns // CELL)
    away = np.ones([-(-length // CELL) for length in labels.shape], bool)
    away[at[0][part == main], at[1][part == main]] = False
    found = CELL * scipy.ndimage.distance_transform_edt(away)[at]
    return np.asarray(scipy.ndimage.minimum(found, part, np.arange(1, labels.max() + 1)))


def _is_surround(labels: Labels, size: NDArray[np.intp]) -> Mask:
    """Which parts at the edge are no writing, but a table, a finger or a shadow `(n,)`.

    They are no strokes, or they take a whole side of the picture.
    """
    borders = labels[0], labels[-1], labels[:, 0], labels[:, -1]
    sides = [np.bincount(side, minlength=len(size) + 1)[1:] / len(side) for side in borders]
    found = np.max(sides, 0) > WHOLE
    for index in np.flatnonzero(~found & (np.max(sides, 0) > 0)):
        found[index] = width(labels == index + 1) > BLOB * size[index]
    return np.asarray(found)
