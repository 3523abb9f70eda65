"""Finds the ink of a picture, part by part, on plain paper and on printed patterns.

Ink is what differs most from the paper, and what is joined to it. Where much else is printed
there, only what lies near the darkest pixels counts. This decides where a line is; its image is
taken from the picture as it is.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from inkling.ink import paper, printed
from inkling.ink.parts import AROUND

PATTERN = 0.15  # of the ink, of what is fainter and lies apart from it: print on the paper
PALE, MAX_PALE = 0.5, 1.4  # of the ink's threshold; times the ink with what is pale and joined
SPAN, RISE = 0.6, 0.85  # of a picture's width and height; shorter parts are in no grid
UNBROKEN = 0.9  # of its length, over which a printed line is seen
MIN_SEPARATION = 2.8  # of ink and paper, in standard deviations; noise has less
MAX_PARTS = 256  # of the ink; noise has more, and none larger than LONG
LONG = 30  # times the square of the pen's width
DARK = 0.05, 0.15  # of a part, as dark as ink, where print is pale and where it is dark
CROSSING = 0.5  # of a part's pixels, of removed ones beside it, where printed lines cross
SPECK = 0.4  # of the square of the pen's width

Labels = NDArray[np.signedinteger[Any]]
Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Marks:
    """The parts of the ink of a picture."""

    labels: Labels  # (H, W): 0 for paper, n + 1 for part n
    boxes: Points  # (n, 4): left, top, right, bottom
    sizes: NDArray[np.intp]  # (n,): pixels
    pen: float  # width of the strokes, in pixels
    torn: bool  # whether they may be pieces of strokes, torn by print as dark as some of the ink


def find(seen: Grey) -> Marks:
    """The parts of the ink in the contrast `(H, W)` to the paper. Raises NothingDrawn."""
    smooth = scipy.ndimage.uniform_filter(seen, 3)
    limit = paper.otsu(smooth)
    labels, count = scipy.ndimage.label(smooth > limit, AROUND)
    inked = labels > 0
    if _has_print(labels):
        smooth = printed.without_boxes(smooth, limit, touched=True)
        smooth = printed.without_lines(smooth, paper.otsu(smooth), UNBROKEN)
        limit = paper.otsu(smooth)
        labels, count = scipy.ndimage.label(smooth > limit, AROUND)
    mask = labels > 0
    strong = smooth > paper.otsu(smooth[mask])
    pen = _pen(strong)
    if not _is_ink(smooth[strong], smooth[~mask]) or _is_noise(strong, pen):
        raise paper.nothing()
    pale, pale_count = scipy.ndimage.label(smooth > PALE * limit, AROUND)
    of_ink = np.bincount(pale[mask], minlength=pale_count + 1) > 0
    near = mask & scipy.ndimage.maximum_filter(strong, 2 * max(2, round(pen)) + 1)
    near |= _mostly(near, labels, count)
    torn = bool(of_ink[pale].sum() > MAX_PALE * mask.sum())
    if torn:  # print, as pale as parts of the ink
        patterned = mask.sum() > (1 + PATTERN) * near.sum()
        mask = near if patterned else mask
        labels, count = scipy.ndimage.label(
            scipy.ndimage.maximum_filter(mask, round(pen) | 1), AROUND
        )
        labels, darkest = labels * mask, DARK[int(patterned)]
    else:  # where strokes are pale, the pen is worn
        labels, count, darkest = pale * of_ink[pale], pale_count, 0.0
    sizes, dark_sizes = (
        np.bincount(part, minlength=count + 1) for part in (labels.ravel(), labels[strong])
    )
    kept = (sizes > SPECK * pen * pen) & (dark_sizes >= darkest * sizes)
    around = scipy.ndimage.maximum_filter(labels, 3)[inked & (smooth == 0)]
    kept &= np.bincount(around, minlength=count + 1) < CROSSING * sizes
    kept[0] = False
    if not kept.any():
        raise paper.nothing()
    labels = np.asarray((np.cumsum(kept) * kept)[labels], np.intp)
    places = scipy.ndimage.find_objects(labels)
    boxes = np.array([(x.start, y.start, x.stop, y.stop) for y, x in places], np.float64)
    return Marks(labels, boxes, sizes[kept], pen, torn)


def _mostly(mask: Mask, labels: Labels, count: int) -> Mask:
    """The parts `(H, W)` that belong to a mask by half."""
    inside, whole = (
        np.bincount(part, minlength=count + 1) for part in (labels[mask], labels.ravel())
    )
    whole[0] = np.iinfo(whole.dtype).max
    return np.asarray((inside > whole / 2)[labels])


def _is_ink(dark: Grey, ground: Grey) -> bool:
    """Whether the contrasts of dark pixels `(n,)` stand out from those of all paper `(m,)`."""
    if not len(dark) or not len(ground) or dark.mean() < paper.MIN_CONTRAST:
        return False
    apart = dark.mean() - ground.mean()
    return bool(apart > MIN_SEPARATION * (dark.std() + ground.std()))


def _is_noise(mask: Mask, pen: float) -> bool:
    """Whether there are too many dark parts `(H, W)` for writing, and none as long as a stroke."""
    labels, count = scipy.ndimage.label(mask, AROUND)
    return count > MAX_PARTS and np.bincount(labels[mask]).max() < LONG * pen * pen


def _has_print(labels: Labels) -> bool:
    """Whether a part of the ink may be a ruled line, a frame or a grid, or joined to one."""
    height, width = labels.shape
    return any(
        down.stop - down.start > RISE * height or across.stop - across.start > SPAN * width
        for down, across in scipy.ndimage.find_objects(labels)
    )


def _pen(mask: Mask) -> float:
    """The width of strokes `(H, W)` in pixels, by their area and the length of their outlines.

    A stroke of length l and width w has 2 l of outline, which is 4 / pi times as long where it is
    counted along rows and columns, as a mean over directions.
    """
    outline = sum(np.count_nonzero(np.diff(mask, axis=axis)) for axis in (0, 1))
    return max(1.0, 8 / math.pi * np.count_nonzero(mask) / max(outline, 1))
