"""Traces MNIST's digits to strokes: the middle lines of their ink, as a pen may have drawn them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.morphology import skeletonize

ZOOM = 8  # by which an image is enlarged before its skeleton is found
SMOOTH = 5  # points that are averaged
EVERY = 6  # points, of which one is kept
Point = tuple[int, int]


def trace(image: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """The strokes of an image `(28, 28)` in [0, 1], each `(n, 2)` points x, y in its pixels."""
    enlarged = Image.fromarray((image * 255).astype(np.uint8)).resize((28 * ZOOM,) * 2)
    skeleton = skeletonize(np.asarray(enlarged) > 127)
    points = {(int(x), int(y)) for x, y in np.argwhere(skeleton.T)}
    near = {point: _neighbours(point, points) for point in points}
    done: set[tuple[Point, Point]] = set()
    strokes = [[point] for point in sorted(points) if not near[point]]
    ends = [point for point in sorted(points) if len(near[point]) != 2]
    for start in (*ends, *sorted(points)):  # last, rings, which have no end
        strokes += [
            _walk(start, towards, near, done)
            for towards in near[start]
            if (start, towards) not in done
        ]
    return [(_smooth(np.array(stroke, np.float64)) + 0.5) / ZOOM for stroke in strokes]


def _neighbours(point: Point, points: set[Point]) -> list[Point]:
    """The points beside it, and those at its corners that are not beside one of these."""
    x, y = point
    beside = [p for p in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)) if p in points]
    corners = ((x + 1, y + 1), (x - 1, y + 1), (x + 1, y - 1), (x - 1, y - 1))
    apart = [p for p in corners if p in points and not {(p[0], y), (x, p[1])} & points]
    return beside + apart


def _walk(
    start: Point,
    towards: Point,
    near: dict[Point, list[Point]],
    done: set[tuple[Point, Point]],
) -> list[Point]:
    """The path from a point to the next end or crossing, or back to the point."""
    path = [start]
    while True:
        done |= {(path[-1], towards), (towards, path[-1])}
        path.append(towards)
        onward = [point for point in near[towards] if point != path[-2]]
        if len(near[towards]) != 2 or towards == start:
            return path
        (towards,) = onward


def _smooth(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """The path as a moving average, with fewer points."""
    if len(path) <= SMOOTH:
        return path
    padded = np.pad(path, ((SMOOTH // 2,) * 2, (0, 0)), mode="edge")
    smooth = np.stack(
        [np.convolve(axis, np.ones(SMOOTH) / SMOOTH, "valid") for axis in padded.T], 1
    )
    return np.concatenate([smooth[:-1:EVERY], smooth[-1:]])
