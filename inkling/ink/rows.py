"""Groups the parts of what is written into rows, top to bottom.

A part is a stroke or a connected component, of which only the box counts. A row is followed from
part to part, so that it may slope. Points, dashes and small raised digits join the row they lie in.
"""

import numpy as np
from numpy.typing import NDArray

BAR = 2.5  # pens; what is lower and wide is a dash, a point or a bar of a digit
TALL = 0.5  # of the usual height; a lower part joins the row it lies in
BESIDE = 1.5  # usual heights to the left, within which a part is a neighbour
OVER = 2.2  # times the usual height, of what may be no part of one row
LOW = 0.8  # times the usual height; a lower row may be a comma alone
SHARED = 0.22  # of the lower of two neighbours, of their heights that overlap, in one row
NEAR = 2  # pens between two parts that may be one digit
MOST = 0.5  # of the torn parts of two rows, that meet one of the other: they are halves
TORN = 0.0  # or where torn parts are pieces of characters
SAME = 0.3  # of the lower of two rows, of their heights that overlap: they are one
BELOW = 0.7  # times as near seems a row to what hangs under it, as a comma does
OFF = 3  # how much a distance above or below a row counts
ASIDE = 0.35, 0.6  # how much one beside it counts, of a dash and of a point

Boxes = NDArray[np.float64]  # (n, 4): left, top, right, bottom


def group(
    boxes: Boxes, pen: float, far: float = np.inf, torn: bool = False
) -> list[NDArray[np.intp]]:
    """The parts of each row, as indexes into `boxes`; rows go down, their parts to the right.

    `pen` is the width of strokes, in the unit of the boxes. A small part that is more than `far`
    usual heights away from every row is in none. `torn` parts may be pieces of characters.
    """
    left, top, right, bottom = boxes.T
    high = bottom - top
    flat = (high < BAR * pen) & (right - left > 1.5 * high)
    if flat.all():  # two bars are one sign
        middle, reach = (top + bottom) / 2, np.maximum(high, right - left) / 2
        boxes = np.stack([left, middle - reach, right, middle + reach], 1)
        return _sorted(
            _merged(_chains(boxes, np.arange(len(boxes)), 2 * reach.max()), boxes, SAME), boxes
        )
    usual = height(boxes[~flat])
    tall = ~flat & (high >= TALL * usual)
    over = np.flatnonzero(high > OVER * usual)
    if len(over):
        rows = _chains(boxes, np.flatnonzero(tall & (high <= OVER * usual)), usual)
        tall[[part for part in over.tolist() if _crosses(boxes, rows, part, usual)]] = False
    rows = _merged(_chains(boxes, np.flatnonzero(tall), usual), boxes, TORN if torn else SAME)
    rows = _whole(rows, boxes, pen, torn)
    small = np.flatnonzero(high < TALL * usual if len(over) else ~tall)
    away = np.array([_distance(boxes, row, small, usual) for row in rows])
    nearest = away.argmin(0)
    for index, row in enumerate(rows):
        row += small[(nearest == index) & (away[index] <= far)].tolist()
    return _sorted(rows, boxes)


def height(boxes: Boxes, share: float = 0.5) -> float:
    """A quantile of the heights of parts, each counted by its height; the usual one is 0.5."""
    order = np.sort(boxes[:, 3] - boxes[:, 1])
    return float(order[np.searchsorted(order.cumsum(), share * order.sum())])


def around(boxes: Boxes) -> Boxes:
    """The box `(4,)` around boxes."""
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _chains(boxes: Boxes, parts: NDArray[np.intp], usual: float) -> list[list[int]]:
    """Rows of parts, from the left: a part joins the row whose neighbours it overlaps most."""
    rows: list[list[int]] = []
    for part in parts[np.argsort(boxes[parts, 0], kind="stable")].tolist():
        shared = [_shared(boxes, row, part, usual) for row in rows]
        best = int(np.argmax(shared)) if rows else 0
        if rows and shared[best] >= SHARED:
            rows[best].append(part)
        else:
            rows.append([part])
    return rows


def _crosses(boxes: Boxes, rows: list[list[int]], part: int, usual: float) -> bool:
    """Whether a part goes through several rows, as digits do that touch a line down the paper."""
    crossed = [
        _overlap(extent, boxes[part]) >= SAME
        for extent in (_extent(boxes[row]) for row in rows)
        if extent[3] - extent[1] > LOW * usual
    ]
    return int(np.sum(crossed)) > 1


def _shared(boxes: Boxes, row: list[int], part: int, usual: float) -> float:
    """How much of its height a part shares with those of a row that end nearest to it."""
    others, own = boxes[row], boxes[part]
    near = others[:, 2] >= min(own[0] - BESIDE * usual, others[:, 2].max())
    return float(_overlap(others[near], own).max())


def _overlap(one: Boxes, other: Boxes) -> Boxes:
    """The heights that boxes share, of the lower one's height."""
    both = np.minimum(one[..., 3], other[..., 3]) - np.maximum(one[..., 1], other[..., 1])
    lower = np.minimum(one[..., 3] - one[..., 1], other[..., 3] - other[..., 1])
    return np.asarray(both / np.maximum(lower, 1e-9))


def _merged(rows: list[list[int]], boxes: Boxes, same: float) -> list[list[int]]:
    """Rows without those that lie beside each other's parts, as a row that was begun twice."""
    found: list[list[int]] = []
    for row in sorted(rows, key=len, reverse=True):
        for other in found:
            if _overlap(_extent(boxes[row]), _extent(boxes[other])) >= same:
                other += row
                break
        else:
            found.append(row)
    return found


def _extent(boxes: Boxes) -> Boxes:
    return np.asarray(np.median(boxes, 0))


def _whole(rows: list[list[int]], boxes: Boxes, pen: float, torn: bool) -> list[list[int]]:
    """Rows, of which two are one if they are the rings of an 8, or halves of `torn` digits."""
    rows = sorted(rows, key=lambda row: float(_extent(boxes[row])[1]))
    found = rows[:1]
    for row in rows[1:]:
        above, below = boxes[found[-1]][:, None], boxes[row]
        beside = np.minimum(above[..., 2], below[:, 2]) - np.maximum(above[..., 0], below[:, 0])
        narrow = np.minimum(above[..., 2] - above[..., 0], below[:, 2] - below[:, 0])
        gap = np.where(beside > narrow / 4, below[:, 1] - above[..., 3], np.inf)
        halves = min((gap <= pen / 2).any(axis).mean() for axis in (0, 1)) > MOST
        rings = gap.size == 1 and gap.item() <= NEAR * pen
        if rings or (torn and halves):
            found[-1] = found[-1] + row
        else:
            found.append(row)
    return found


def _distance(
    boxes: Boxes, row: list[int], parts: NDArray[np.intp], usual: float
) -> NDArray[np.float64]:
    """How far parts are from a row, in usual heights: above, below or beside its nearest part."""
    others, own = boxes[row][:, None], boxes[parts]
    middle = (own[:, 1] + own[:, 3]) / 2
    aside = np.maximum(np.maximum(others[..., 0] - own[:, 2], own[:, 0] - others[..., 2]), 0)
    off = np.maximum(np.maximum(others[..., 1] - middle, BELOW * (middle - others[..., 3])), 0)
    nearest = aside.argmin(0), np.arange(len(parts))
    wide = own[:, 2] - own[:, 0] > 1.5 * (own[:, 3] - own[:, 1])
    return np.asarray(
        np.maximum(OFF * off[nearest], np.where(wide, *ASIDE) * aside[nearest]) / usual
    )


def _sorted(rows: list[list[int]], boxes: Boxes) -> list[NDArray[np.intp]]:
    """Rows from top to bottom, their parts from left to right."""
    rows = sorted(rows, key=lambda row: float(_extent(boxes[row])[[1, 3]].sum()))
    return [np.array(sorted(row, key=lambda part: float(boxes[part, 0])), np.intp) for row in rows]
