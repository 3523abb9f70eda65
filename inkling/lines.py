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

from inkling.paper import AROUND

Grey = NDArray[np.float32]
Box = tuple[
    int, int, int, int
]  # left, top, right, bottom, in pixels of the ink; the last two beyond

MOST_IN_A_DIGIT = 6  # pieces
WIDEST = 1.5  # times the line's height, of a digit
TALL = 0.4  # of the highest piece: what is lower is a sign, or a part of a digit
CUTTABLE = 0.5  # of the line's height: a piece narrower than that is not cut
SLANTS = (-0.4, -0.2, 0.0, 0.2, 0.4)  # pixels to the side for each pixel down, of a cut
CUT_APART = 0.12  # of the line's height, at least between two cuts
CUTS = 3  # of a piece as wide as the line is high, at most
MOST_CUT = 0.34  # of the line's height: ink that a cut may go through
CUT_LIKELIHOOD = 0.5  # of each piece more, where ink was cut
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
    """What hangs together in the ink `(H, W)`, from left to right."""
    labels, _ = ndimage.label(ink > 0, AROUND)
    found = [
        _piece(np.where(labels[box] == label, ink[box], 0), box[1].start, box[0].start)
        for label, box in enumerate(ndimage.find_objects(labels), 1)
    ]
    return sorted(found, key=_middle)


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
    rows, columns = np.arange(piece.height) - piece.height / 2, np.arange(piece.width)
    through = np.empty((len(SLANTS), piece.width))
    for index, slant in enumerate(SLANTS):
        across = np.rint(columns + slant * rows[:, None]).astype(int)  # (h, w)
        inside = (across >= 0) & (across < piece.width)
        crossed = np.take_along_axis(inked, across.clip(0, piece.width - 1), 1) & inside
        through[index] = crossed.sum(0)
    slants, least = through.argmin(0), through.min(0)
    cuts: list[int] = []
    apart, most = CUT_APART * height, math.ceil(CUTS * piece.width / height)
    for column in np.argsort(least, kind="stable"):
        if least[column] > MOST_CUT * height:
            break
        if all(abs(column - other) >= apart for other in (*cuts, 0, piece.width - 1)):
            cuts.append(int(column))
        if len(cuts) == most:
            break
    beyond = sum(
        (columns - SLANTS[slants[at]] * rows[:, None] > at).astype(int) for at in sorted(cuts)
    )
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


def _piece(ink: Grey, left: int, top: int) -> Piece:
    """The ink without empty margins, whose upper left lies at (left, top)."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    x, y = left + int(columns[0]), top + int(rows[0])
    return Piece(box, (x, y, x + box.shape[1], y + box.shape[0]))


def _middle(piece: Piece) -> float:
    return (piece.box[0] + piece.box[2]) / 2


def _width(parts: Sequence[Piece]) -> int:
    return max(part.box[2] for part in parts) - min(part.box[0] for part in parts)
