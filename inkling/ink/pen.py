"""Draws strokes with a round pen."""

from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

STEP = 2.5  # pixels, between two points of a stroke that are drawn
MANY = 64  # points; fewer are drawn sooner than looked through
ASIDE = 1e-6  # pixels, so that what lies between two pixels is drawn at the same one always
BEND = 0.85  # cosine between two parts of a stroke; a sharper bend is rounded by a dot

Points = NDArray[np.float64]


def trace(
    canvas: Image.Image,
    strokes: Sequence[Points],
    corner: tuple[float, float],
    scale: float,
    width: float,
) -> None:
    """Draw strokes on a canvas of one channel, with a pen `width` pixels wide.

    A stroke is `(n, 2)`: x to the right and y down, in any unit; or `(n, 3)`, where the third
    number is how wide the line is there, in pens. A unit is `scale` pixels, and `corner` is the x
    and y of the canvas's upper left corner.
    """
    path, bounds = _path(strokes, corner, scale)
    pencil = ImageDraw.Draw(canvas)
    path[:, :2] += ASIDE
    places, pressed = np.rint(path[:, :2]).astype(int).tolist(), path.shape[1] > 2
    for first, beyond in pairwise(bounds.tolist()):
        stroke = places[first:beyond]
        if not pressed:
            pencil.line([*chain(*stroke)], fill=255, width=max(1, round(width)))
            continue
        widths = np.maximum(np.rint(width * path[first:beyond, 2]), 1).astype(int).tolist()
        for (start, end), wide in zip(pairwise(stroke), widths, strict=False):
            pencil.line([*start, *end], fill=255, width=wide)
    round_ = _bends(path[:, :2]) | pressed
    round_[bounds[:-1]] = round_[bounds[1:] - 1] = True
    dots = path[round_]
    reach = width / 2 * (dots[:, 2:] if pressed else 1.0)
    upper, lower = dots[:, :2] - reach, dots[:, :2] + np.maximum(reach - 1, -reach)
    for box in np.hstack([upper, lower]).tolist():
        pencil.ellipse(box, fill=255)


def _path(
    strokes: Sequence[Points], corner: tuple[float, float], scale: float
) -> tuple[Points, NDArray[np.intp]]:
    """The points of all strokes on a canvas, and where each stroke begins, and the last one ends.

    Of MANY points, those closer than STEP to the one before add nothing, and go.
    """
    points, lengths = np.concatenate(strokes), [len(stroke) for stroke in strokes]
    points[:, :2] = (points[:, :2] - corner) * scale
    beyond = np.cumsum(lengths)
    if len(points) < MANY:
        return points, np.concatenate([[0], beyond])
    along = np.hypot(*np.diff(points[:, :2], axis=0).T).cumsum()
    kept = np.diff(np.floor(along / STEP), prepend=0.0, append=0.0) != 0
    kept[beyond - 1] = kept[beyond - lengths] = True
    return points[kept], np.concatenate([[0], kept.cumsum()[beyond - 1]])


def _bends(path: Points) -> NDArray[np.bool_]:
    """Where a path `(n, 2)` bends so sharply that its parts would meet with a notch `(n,)`."""
    bends = np.zeros(len(path), np.bool_)
    (x, y), (then_x, then_y) = (path[1:-1] - path[:-2]).T, (path[2:] - path[1:-1]).T
    along = x * then_x + y * then_y
    bends[1:-1] = along < BEND * np.sqrt((x * x + y * y) * (then_x * then_x + then_y * then_y))
    return bends
