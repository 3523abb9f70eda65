"""One line of digits: taken apart into pieces, put together as the reader believes them most.

Ink that hangs together is a piece; a piece that no digit accounts for is cut where the least ink
lies. A digit is then a run of neighbouring pieces, and of all ways to divide the line into runs,
dynamic programming finds the likeliest. What is read and how likely it is, the reader says.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inkling.ink.paper import AROUND

Grey = NDArray[np.float32]
Box = tuple[
    int, int, int, int
]  # left, top, right, bottom, in pixels of the ink; the last two beyond

MOST_IN_A_DIGIT = 6  # pieces
WIDEST = 1.5  # times the line's height, of a digit
TALL = 0.4  # of the highest piece: what is lower is a sign, or a part of a digit
CUTTABLE = 0.5  # of the line's height: a piece narrower than that is not cut
ASIDE = 0.3  # pixels of ink that a cut goes through rather than a pixel to the side
CUT_APART = 0.2  # of the line's height, at least between two cuts
CUTS = 5  # of a piece as wide as the line is high, at most
MOST_CUT = 0.34  # of the line's height: ink that a cut may go through
CUT_LIKELIHOOD = 0.3  # of each piece more, where ink was cut
GAP_LIKELIHOOD = 0.3  # of each piece more that stands clear of its neighbour
SIGN_LIKELIHOOD = 0.5  # of a sign where its shape and place allow one


@dataclass(frozen=True)
class Piece:
    """Some ink of a line."""

    ink: Grey  # (h, w), of its box
    box: Box
    cut_off: bool = False  # from what stands on its left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.box[2] - self.box[0]


def pieces(ink: Grey) -> list[Piece]:
    """What hangs together in the ink `(H, W)`, from left to right; with all that its box holds."""
    labels, _ = ndimage.label(ink > 0, AROUND)
    found = [
        _piece(np.where(labels[box] == label, ink[box], 0), box[1].start, box[0].start)
        for label, box in enumerate(ndimage.find_objects(labels), 1)
    ]
    apart: list[Piece] = []
    for piece in sorted(found, key=lambda piece: -piece.width * piece.height):
        around = next((i for i, whole in enumerate(apart) if _within(piece.box, whole.box)), None)
        if around is None:
            apart.append(piece)
        else:  # what lies in a digit is a part of it
            apart[around] = joined([apart[around], piece])
    return sorted(apart, key=_middle)


def extent(parts: Sequence[Piece]) -> tuple[float, float]:
    """Top and height of the digits of a line: medians over its pieces that are no mere signs."""
    heights = np.array([part.height for part in parts])
    tall = heights >= TALL * heights.max()
    tops = np.array([part.box[1] for part in parts])
    return float(np.median(tops[tall])), float(np.median(heights[tall]))


def cut(piece: Piece, height: float) -> list[Piece]:
    """A piece that may be several digits, cut wherever a cut goes through little ink."""
    if piece.width < CUTTABLE * height:
        return [piece]
    inked = piece.ink > 0.3 * piece.ink.max()
    columns, (paths, least) = np.arange(piece.width), _seams(inked)
    cuts: list[int] = []
    apart, most = CUT_APART * height, math.ceil(CUTS * piece.width / height)
    for column in np.argsort(least, kind="stable"):
        if least[column] > MOST_CUT * height:
            break
        if all(abs(column - other) >= apart for other in (*cuts, 0, piece.width - 1)):
            cuts.append(int(column))
        if len(cuts) == most:
            break
    beyond = sum((columns > paths[at][:, None]).astype(int) for at in cuts)
    parts = [
        _piece(np.where(beyond == index, piece.ink, 0), *piece.box[:2])
        for index in range(len(cuts) + 1)
        if ((beyond == index) & inked).any()
    ]
    first, *others = sorted(parts, key=_middle)
    return [first, *(replace(part, cut_off=True) for part in others)]


def runs(parts: Sequence[Piece], height: float, sure: Container[Box]) -> list[tuple[int, int]]:
    """The runs of pieces (first, beyond) that could each be one digit or sign.

    Pieces that are `sure` to be digits, each by itself, are not joined to one another.
    """
    return [
        (first, beyond)
        for first in range(len(parts))
        for beyond in range(first + 1, min(first + MOST_IN_A_DIGIT, len(parts)) + 1)
        if beyond == first + 1
        or (
            _width(parts[first:beyond]) <= WIDEST * height
            and not all(part.box in sure for part in parts[first:beyond])
        )
    ]


def prior(parts: Sequence[Piece]) -> float:
    """How likely pieces are one digit, before they are read: less across gaps and after cuts."""
    gaps = sum(not right.cut_off and right.box[0] > left.box[2] for left, right in pairwise(parts))
    return float(GAP_LIKELIHOOD**gaps * (CUT_LIKELIHOOD if parts[0].cut_off else 1))


def joined(parts: Sequence[Piece]) -> Piece:
    """Several pieces as one."""
    if len(parts) == 1:
        return parts[0]
    left, top = (min(part.box[side] for part in parts) for side in (0, 1))
    right, bottom = (max(part.box[side] for part in parts) for side in (2, 3))
    ink = np.zeros((bottom - top, right - left), np.float32)
    for part in parts:
        x, y = part.box[0] - left, part.box[1] - top
        place = ink[y : y + part.height, x : x + part.width]
        np.maximum(place, part.ink, out=place)
    return Piece(ink, (left, top, right, bottom))


def sign(piece: Piece, top: float, height: float, first: bool) -> str | None:
    """What sign a piece can be, by its shape and place: a minus, a decimal point or comma.

    No point or comma is the `first` of a line.
    """
    middle = ((piece.box[1] + piece.box[3]) / 2 - top) / height
    if piece.width > 2 * piece.height and 0.3 < middle < 0.75:
        return "-" if piece.height < 0.3 * height else None
    if not first and piece.height < 0.45 * height and piece.width < 0.35 * height and middle > 0.7:
        low = (piece.box[3] - top) / height > 1.1
        return "," if piece.height > 1.5 * piece.width or low else "."
    return None


def best(count: int, divided: Sequence[tuple[int, int]], likelihood: Sequence[float]) -> list[int]:
    """The indexes of those runs that together hold each of `count` pieces once, likeliest so."""
    reached = [(-math.inf, -1)] * (count + 1)  # log-likelihood of the best way there, last run
    reached[0] = (0.0, -1)
    for index in sorted(range(len(divided)), key=lambda index: divided[index]):
        first, beyond = divided[index]
        way = reached[first][0] + math.log(max(likelihood[index], 1e-12))
        if way > reached[beyond][0]:
            reached[beyond] = (way, index)
    chosen, at = [], count
    while at:
        chosen.append(reached[at][1])
        at = divided[chosen[-1]][0]
    return chosen[::-1]


def _seams(inked: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """From top to bottom through as little ink `(h, w)` as can be, by way of each column's middle.

    Gives the column `(w, h)` that each of the w ways takes in each row, and its cost `(w,)` in
    pixels of ink. A way goes down, or down and aside. Source: Avidan & Shamir 2007, seams.
    """
    middle = len(inked) // 2
    upper, of_upper = _ways(inked[: middle + 1])
    lower, of_lower = _ways(inked[middle:][::-1])
    paths = np.concatenate([upper, lower[:, ::-1][:, 1:]], 1)
    return paths, of_upper + of_lower - inked[middle]


def _ways(inked: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The cheapest way from the first row to each column of the last: columns `(w, h)`, costs."""
    height, width = inked.shape
    cost, steps = inked[0].astype(float), np.zeros((height, width), np.intp)
    for row in range(1, height):
        wide = np.pad(cost, 1, constant_values=np.inf)
        before = np.stack([wide[1:-1], wide[:-2] + ASIDE, wide[2:] + ASIDE])
        steps[row] = np.array([0, -1, 1])[before.argmin(0)]
        cost = before.min(0) + inked[row]
    paths = np.empty((width, height), np.intp)
    paths[:, -1] = np.arange(width)
    for row in range(height - 1, 0, -1):
        paths[:, row - 1] = paths[:, row] + steps[row, paths[:, row]]
    return paths, cost


def _piece(ink: Grey, left: int, top: int) -> Piece:
    """The ink without empty margins, whose upper left lies at (left, top)."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    x, y = left + int(columns[0]), top + int(rows[0])
    return Piece(box, (x, y, x + box.shape[1], y + box.shape[0]))


def _within(inner: Box, outer: Box) -> bool:
    (left, top, right, bottom), (x, y, beyond, below) = inner, outer
    return left >= x and top >= y and right <= beyond and bottom <= below


def _middle(piece: Piece) -> float:
    return (piece.box[0] + piece.box[2]) / 2


def _width(parts: Sequence[Piece]) -> int:
    return max(part.box[2] for part in parts) - min(part.box[0] for part in parts)
