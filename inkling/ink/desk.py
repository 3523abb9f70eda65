"""Finds a sheet of paper on a darker desk, and straightens it."""

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from inkling.ink.decode import Pixels

COARSE = 128  # pixels of the longer side, on which the sheet is looked for
MIN_SHARE = 0.08  # of the picture, of a sheet
MIN_SIDE = 0.15  # of the picture's longer side, of each side of a sheet; a chalk's 1 is narrower
MAX_SIDE = 0.9  # of each side of a picture, of a sheet that leaves it; shadows leave more light
DARKER = 0.6  # logarithm of a sheet's light over that of its desk; a shadow on paper has less
BLACK = 16  # grey levels added to all, so that those near 0 do not count
FILLED = 0.85  # of the shape around it, by a sheet that ink may cut; bold digits fill less
STRAIGHT = 0.88  # of the shape around it, by a quadrilateral; an ellipse has 0.64
DIRECTIONS = 64  # in which the outermost points of a sheet are looked for
BARE = 0.8  # of a sheet, without ink
CLOSED = 5  # coarse pixels, half the width of strokes that may cut a sheet in two
EDGE = 3  # coarse pixels, within which the light changes; that of a shadow changes slowly
INSET = 1.5  # coarse pixels cut off at each side, as the edge is blurred

Grey = NDArray[np.float32]
Corners = NDArray[np.float64]  # (4, 2): x, y; clockwise from the upper left


def sheet(pixels: Grey) -> Corners | None:
    """The corners of a light quadrilateral, in pixels of a picture `(H, W)` or `(H, W, 3)`.

    None if there is none, or if the sheet fills the picture.
    """
    step = -(-max(pixels.shape[:2]) // COARSE)
    if min(pixels.shape[:2]) < 8 * step:
        return None
    some = pixels[::step, ::step]
    light = some if some.ndim == 2 else some.min(2)  # wood is as light as paper, but coloured
    light = scipy.ndimage.uniform_filter(np.log(np.maximum(light, 0) + BLACK), 3)
    bright = light > _middle(light)
    sides = bright[0], bright[-1], bright[:, 0], bright[:, -1]
    if not bright.any() or max(side.mean() for side in sides) > MAX_SIDE:
        return None
    whole = scipy.ndimage.binary_closing(np.pad(bright, CLOSED), iterations=CLOSED)  # over strokes
    joined = bright | whole[CLOSED:-CLOSED, CLOSED:-CLOSED]
    labels, _ = scipy.ndimage.label(joined)
    largest = labels == np.bincount(labels[joined]).argmax()
    filled = scipy.ndimage.binary_fill_holes(largest)
    if filled.mean() < MIN_SHARE or _step(light, filled) < DARKER:
        return None
    if bright[filled].mean() < BARE:  # light strokes side by side on a dark ground
        return None
    corners = _quadrilateral(filled)
    return None if corners is None else step * (corners + 0.5)


def _step(light: Grey, filled: NDArray[np.bool_]) -> float:
    """How much lighter a region is just inside its edge than just outside."""
    near, away = (scipy.ndimage.binary_dilation(filled, iterations=n) for n in (1, EDGE))
    inner, core = (scipy.ndimage.binary_erosion(filled, iterations=n) for n in (1, EDGE))
    inside, outside = light[inner & ~core], light[away & ~near]
    return float(np.median(inside) - np.median(outside)) if len(inside) and len(outside) else 0


def _middle(light: Grey) -> float:
    """The level halfway between the two groups that differ most. Source: Ridler & Calvard 1978."""
    middle = float(light.mean())
    for _ in range(20):
        upper, lower = light[light > middle], light[light <= middle]
        if not len(upper) or not len(lower):
            break
        middle = float(upper.mean() + lower.mean()) / 2
    return middle


def _quadrilateral(filled: NDArray[np.bool_]) -> Corners | None:
    """The corners of a region `(h, w)` with four straight sides, a little inside it."""
    points = np.argwhere(filled ^ scipy.ndimage.binary_erosion(filled))[:, ::-1].astype(float)
    turns = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    ends = (points @ [np.cos(turns), np.sin(turns)]).argmax(0)
    around = points[ends[np.flatnonzero(np.diff(ends, prepend=ends[-1]))]]  # clockwise on screen
    if len(around) < 4:
        return None
    corners = _largest(around)
    sides = np.linalg.norm(corners - np.roll(corners, 1, 0), axis=1)
    whole = _area(around)
    if filled.sum() < FILLED * whole or _area(corners) < STRAIGHT * whole:
        return None
    if sides.min() < MIN_SIDE * max(filled.shape):
        return None
    middle = corners.mean(0)
    diagonals = np.linalg.norm(corners - np.roll(corners, 2, 0), axis=1, keepdims=True)
    corners = middle + (corners - middle) * (1 - 2 * np.sqrt(2) * INSET / diagonals)
    return np.asarray(np.roll(corners, -int(corners.sum(1).argmin()), 0))


def _area(corners: Corners) -> float:
    x, y = corners.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


def _largest(around: Corners) -> Corners:
    """The largest quadrilateral `(4, 2)` whose corners are corners of a convex polygon."""
    best, most = around[:4], -1.0
    for first in range(len(around)):
        for third in range(first + 2, len(around)):
            away = around - around[first]
            across = away[third]
            reach = across[0] * away[:, 1] - across[1] * away[:, 0]
            second, fourth = int(reach.argmin()), int(reach.argmax())
            if reach[fourth] - reach[second] > most:
                most = float(reach[fourth] - reach[second])
                best = around[sorted((first, second, third, fourth))]
    return best


def straightened(pixels: Pixels, corners: Corners) -> Pixels:
    """The quadrilateral between the corners as a rectangle with sides of the same mean length."""
    sides = np.linalg.norm(corners - np.roll(corners, -1, 0), axis=1)
    width, height = (round(float(sides[k] + sides[k + 2]) / 2) for k in (0, 1))
    to = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    rows = [
        row
        for (x, y), (u, v) in zip(to, corners, strict=True)
        for row in ((x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y))
    ]
    terms = tuple(np.linalg.solve(np.array(rows), corners.ravel()))
    flat = Image.fromarray(pixels).transform(
        (width, height), Image.Transform.PERSPECTIVE, terms, Image.Resampling.BILINEAR
    )
    return np.asarray(flat)
