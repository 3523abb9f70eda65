"""One line of digits, split into pieces that are then grouped into the likeliest digits.

A piece is a connected component of the ink. The reader has a piece cut where the least ink lies,
unless it is sure to be one digit. A digit is a run of neighbouring pieces. The reader rates each
run, and dynamic programming finds the likeliest way to divide the line into runs.
"""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inkling.ink.parts import AROUND

Grey = NDArray[np.float32]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom exclusive
Key = tuple[Box, int]

MAX_PIECES = 6  # of one digit
MAX_WIDTH = 1.5  # line heights, of a digit
MIN_HEIGHT = 0.4  # of the tallest piece; a lower piece is a sign or a part of a digit
MIN_CUT_WIDTH = 0.5  # line heights; a narrower piece is not cut
SIDESTEP_COST = 0.3  # pixels of ink: what one step to the side adds to the cost of a cut
MIN_PART_WIDTH = 0.2  # line heights, between two cuts
MAX_CUTS = 5  # in a piece that is as wide as the line is high
MAX_CUT_INK = 0.34  # line heights of ink that a cut may go through
CUT_LIKELIHOOD = 0.3  # factor for a digit that begins at a cut
GAP_LIKELIHOOD = 0.3  # factor for each gap between the pieces of a digit
SIGN_LIKELIHOOD = 0.5  # of a sign whose shape and place allow one


@dataclass(frozen=True)
class Piece:
    """A part of the ink of a line."""

    ink: Grey  # (h, w), inside its box
    box: Box
    cut_off: bool = False  # from the piece on its left

    @property
    def key(self) -> Key:
        """What tells it from others: slanted cuts give different ink the same box."""
        return self.box, hash(self.ink.tobytes())

    @property
    def height(self) -> int:
        """In pixels."""
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.box[2] - self.box[0]


def pieces(ink: Grey) -> list[Piece]:
    """The connected components of the ink `(H, W)`, from left to right.

    A component whose box lies inside that of another belongs to it.
    """
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
        else:  # a part of the piece around it
            apart[around] = joined([apart[around], piece])
    return sorted(apart, key=_middle)


def extent(parts: Sequence[Piece]) -> tuple[float, float]:
    """Top and height of the digits of a line: medians over the pieces that are tall enough."""
    heights = np.array([part.height for part in parts])
    tall = heights >= MIN_HEIGHT * heights.max()
    tops = np.array([part.box[1] for part in parts])
    return float(np.median(tops[tall])), float(np.median(heights[tall]))


def cut(piece: Piece, height: float) -> list[Piece]:
    """The parts of a piece that may be several digits, cut wherever a cut goes through little ink.

    `height` is that of the line, in pixels.
    """
    if piece.width < MIN_CUT_WIDTH * height:
        return [piece]
    inked = piece.ink > 0.3 * piece.ink.max()
    columns, (paths, least) = np.arange(piece.width), _seams(inked)
    cuts: list[int] = []
    apart, most = MIN_PART_WIDTH * height, math.ceil(MAX_CUTS * piece.width / height)
    for column in np.argsort(least, kind="stable"):
        if least[column] > MAX_CUT_INK * height:
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
    """The runs of pieces that could each be one digit or sign, as (first, beyond the last).

    Pieces whose boxes are in `sure` are digits by themselves: they are not joined to each other.
    """
    return [
        (first, beyond)
        for first in range(len(parts))
        for beyond in range(first + 1, min(first + MAX_PIECES, len(parts)) + 1)
        if beyond == first + 1
        or (
            _width(parts[first:beyond]) <= MAX_WIDTH * height
            and not all(part.box in sure for part in parts[first:beyond])
        )
    ]


def prior(parts: Sequence[Piece]) -> float:
    """How likely these pieces are one digit before they are read: less with gaps and cuts."""
    gaps = sum(not right.cut_off and right.box[0] > left.box[2] for left, right in pairwise(parts))
    return float(GAP_LIKELIHOOD**gaps * (CUT_LIKELIHOOD if parts[0].cut_off else 1))


def joined(parts: Sequence[Piece]) -> Piece:
    """Several pieces joined into one."""
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
    """The sign that a piece can be by its shape and place: a minus, a decimal point or comma.

    `top` and `height` are those of the line. The `first` piece is neither point nor comma.
    """
    middle = ((piece.box[1] + piece.box[3]) / 2 - top) / height
    if piece.width > 2 * piece.height and 0.3 < middle < 0.75:
        return "-" if piece.height < 0.3 * height else None
    if not first and piece.height < 0.45 * height and piece.width < 0.35 * height and middle > 0.7:
        low = (piece.box[3] - top) / height > 1.1
        return "," if piece.height > 1.5 * piece.width or low else "."
    return None


def best(count: int, divided: Sequence[tuple[int, int]], likelihood: Sequence[float]) -> list[int]:
    """The likeliest division of `count` pieces into runs, as indexes into `divided`.

    `divided` are runs (first, beyond the last), each with its likelihood. The runs chosen hold
    each piece once, and the product of their likelihoods is the largest.
    """
    reached = [(-math.inf, -1)] * (count + 1)  # best log-likelihood up to a piece, and its last run
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
    """For each column, the path from top to bottom through its middle that crosses the least ink.

    Gives the column of each path in each row `(w, h)` and the cost of each path `(w,)`, in pixels
    of ink. A step goes down, or down and to one side. Source: Avidan & Shamir 2007, seams.
    """
    middle = len(inked) // 2
    upper, of_upper = _ways(inked[: middle + 1])
    lower, of_lower = _ways(inked[middle:][::-1])
    paths = np.concatenate([upper, lower[:, ::-1][:, 1:]], 1)
    return paths, of_upper + of_lower - inked[middle]


def _ways(inked: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The cheapest path from the first row to each column of the last: columns `(w, h)`, costs."""
    height, width = inked.shape
    cost, steps = inked[0].astype(float), np.zeros((height, width), np.intp)
    for row in range(1, height):
        wide = np.pad(cost, 1, constant_values=np.inf)
        before = np.stack([wide[1:-1], wide[:-2] + SIDESTEP_COST, wide[2:] + SIDESTEP_COST])
        steps[row] = np.array([0, -1, 1])[before.argmin(0)]
        cost = before.min(0) + inked[row]
    paths = np.empty((width, height), np.intp)
    paths[:, -1] = np.arange(width)
    for row in range(height - 1, 0, -1):
        paths[:, row - 1] = paths[:, row] + steps[row, paths[:, row]]
    return paths, cost


def _piece(ink: Grey, left: int, top: int) -> Piece:
    """The piece of this ink `(H, W)`, without its margins; its upper left is at (left, top)."""
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
