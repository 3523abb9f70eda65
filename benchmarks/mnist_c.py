"""The 15 corruptions of MNIST-C (Mu & Gilmer 2019), at the strengths of its published set.

    python benchmarks/mnist_c.py [BUNDLE] [--part validation|test] [--count 1000]

Each image is read twice: as published, by the network alone, and as a Reader reads it, through
`ink.to_image`. Needs scikit-image. Prints a table of accuracies.

Source: "MNIST-C: A Robustness Benchmark for Computer Vision", arXiv:1906.02337.
"""

import argparse
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import canny
from skimage.filters import gaussian

from inkling import Reader, data, ink
from inkling.errors import NothingDrawn

SIDE, MIDDLE = 28, 13.5
Image = NDArray[np.float64]  # (28, 28) in [0, 1]


def shot_noise(image: Image, rng: Generator) -> Image:
    """Photon noise: white is three photons."""
    return np.clip(rng.poisson(image * 3) / 3, 0, 1)


def impulse_noise(image: Image, rng: Generator) -> Image:
    """17 % of the pixels are black or white."""
    kind = rng.random(image.shape)
    return np.where(kind < 0.085, 0, np.where(kind < 0.17, 1, image))


def glass_blur(image: Image, rng: Generator) -> Image:
    """Neighbouring pixels are exchanged at random, twice, between two blurs."""
    blurred = np.floor(gaussian(image, 0.7) * 255) / 255
    for _ in range(2):
        for row in range(SIDE - 1, 1, -1):
            for column in range(SIDE - 1, 1, -1):
                if rng.random() < 0.5:
                    down, across = rng.integers(-1, 1, 2)
                    here, there = (row, column), (row + down, column + across)
                    blurred[here], blurred[there] = blurred[there], blurred[here]
    return np.clip(gaussian(blurred, 0.7), 0, 1)


def motion_blur(image: Image, rng: Generator) -> Image:
    """Smeared to one side, at most 45 degrees from level, by half a Gaussian of 3 pixels."""
    angle = np.radians(rng.uniform(-45, 45))
    steps = np.arange(21)
    weights = np.exp(-(steps**2) / (2 * 3**2))
    rows = np.ceil(steps * np.sin(angle) - 0.5).astype(int)
    columns = np.ceil(steps * np.cos(angle) - 0.5).astype(int)
    wide = np.pad(image, 21, mode="edge")
    moved = [wide[21 + r :, 21 + c :][:SIDE, :SIDE] for r, c in zip(rows, columns, strict=True)]
    return np.tensordot(weights / weights.sum(), moved, 1)


def shear(image: Image, rng: Generator) -> Image:
    """Slanted by 0.4."""
    slant = 0.4 * rng.choice([-1, 1])
    return _warped(image, np.array([[np.cos(slant), 0], [-np.sin(slant), 1]]).T)


def scale(image: Image, _: Generator) -> Image:
    """Scaled by 0.7."""
    return _warped(image, np.eye(2) / 0.7)


def rotate(image: Image, rng: Generator) -> Image:
    """Rotated by 0.4 radians, 23 degrees."""
    cos, sin = np.cos(0.4), np.sin(0.4) * rng.choice([-1, 1])
    return _warped(image, np.array([[cos, sin], [-sin, cos]]))


def brightness(image: Image, _: Generator) -> Image:
    """Half of white is added to every pixel."""
    return np.clip(image + 0.5, 0, 1)


def translate(image: Image, rng: Generator) -> Image:
    """Shifted by three pixels on both axes."""
    return ndimage.shift(image, 3 * rng.choice([-1, 1], 2), order=1)


def stripe(image: Image, _: Generator) -> Image:
    """The left and the right quarter are in negative."""
    striped = image.copy()
    striped[:, :7] = 1 - striped[:, :7]
    striped[:, 21:] = 1 - striped[:, 21:]
    return striped


def fog(image: Image, rng: Generator) -> Image:
    """Covered by clouds of every size."""
    peak = image.max()
    return np.clip((image + 3 * _clouds(rng)[:SIDE, :SIDE]) * peak / (peak + 3), 0, 1)


def spatter(image: Image, rng: Generator) -> Image:
    """Covered by drops of a grey liquid."""
    liquid = gaussian(rng.normal(0.65, 0.3, image.shape), 1)
    drops = gaussian((liquid > 0.65).astype(float), 1.5)
    drops[drops < 0.8] = 0
    return np.clip(image * (1 - drops) + drops * 63 / 255, 0, 1)


def dotted_line(image: Image, rng: Generator) -> Image:
    """A dotted line from the left to the right."""
    left, right = rng.integers(0, 27, 2)
    line = _line((0, left), (27, right))
    for column in range(0, SIDE, 4):
        line[:, column : column + 2] = 0
    return np.clip(image + line, 0, 1)


def zigzag(image: Image, rng: Generator) -> Image:
    """A zigzag from the left to the right."""
    start = rng.integers(0, 27)
    fall = rng.integers(-5, 5)
    angle = np.arctan2(fall, 23)
    length = 23 / np.cos(angle)
    corners = [(0.0, 0.0)]
    corners += [(4 * i + 2, 2.0 * (-1) ** i) for i in range(int((length - 2) // 4) + 1)]
    if length % 4:
        corners.append((length, corners[-1][1] / (2 * (length % 4))))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = np.array(corners) @ turn + (2, start)
    drawn = image
    for here, there in pairwise(points):
        drawn = np.clip(drawn + _line(here, there), 0, 1)
    return drawn


def canny_edges(image: Image, _: Generator) -> Image:
    """Only the outlines."""
    return canny(image).astype(float)


CORRUPTIONS: tuple[Callable[[Image, Generator], Image], ...] = (
    shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness,
    translate, stripe, fog, spatter, dotted_line, zigzag, canny_edges,
)  # fmt: skip


def _warped(image: Image, source: NDArray[np.float64]) -> Image:
    """The image under the linear map `source`, which gives where each pixel is taken from.

    Coordinates are row and column, measured from the middle of the image.
    """
    offset = MIDDLE - source @ (MIDDLE, MIDDLE)
    return np.clip(ndimage.affine_transform(image, source, offset, order=1), 0, 1)


def _clouds(rng: Generator) -> NDArray[np.float64]:
    """Heights `(256, 256)` in [0, 1] by the diamond-square algorithm, with periodic borders."""
    heights = np.zeros((256, 256))
    step, reach = 256, 100.0
    while step >= 2:
        half = step // 2

        def mean(total: NDArray[np.float64], reach: float = reach) -> NDArray[np.float64]:
            return total / 4 + reach * rng.uniform(-reach, reach, total.shape)

        corners = heights[::step, ::step]
        sums = corners + np.roll(corners, -1, 0)
        heights[half::step, half::step] = mean(sums + np.roll(sums, -1, 1))
        middles, corners = heights[half::step, half::step], heights[::step, ::step]
        below = middles + np.roll(middles, 1, 0)
        heights[::step, half::step] = mean(below + corners + np.roll(corners, -1, 1))
        beside = middles + np.roll(middles, 1, 1)
        heights[half::step, ::step] = mean(beside + corners + np.roll(corners, -1, 0))
        step, reach = half, reach / 1.4
    heights -= heights.min()
    return heights / heights.max()


def _line(start: tuple[float, float], end: tuple[float, float]) -> Image:
    """A soft line between two points (column, row) that fades within 2.3 pixels up and down."""
    (c0, r0), (c1, r1) = start, end
    if c0 == c1:
        return np.zeros((SIDE, SIDE))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.abs(rows - (r1 - r0) / (c1 - c0) * (columns - c0) - r0)
    line = np.clip(np.log(1 - np.minimum(away, 2.3 - 1e-10) / 2.3) + 1, 0, 1)
    line[:, : int(np.floor(c0))] = 0
    line[:, int(np.ceil(c1)) :] = 0
    return line


def corrupted(
    images: NDArray[np.float32], corruption: Callable[[Image, Generator], Image]
) -> NDArray[np.uint8]:
    """Images `(N, 1, 28, 28)` in [0, 1] with a corruption, in 0..255 as published."""
    rng = np.random.default_rng(0)
    made = [corruption(image[0].astype(np.float64), rng) for image in images]
    return (np.stack(made)[:, None] * 255).astype(np.uint8)


def as_read(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a Reader sees of an image `(1, 28, 28)`; empty where it finds no ink."""
    try:
        return ink.to_image(image)
    except NothingDrawn:
        return np.zeros(image.shape, np.float32)


def main() -> None:
    """Corrupt the images, read them, and print the accuracies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    reader = Reader.load(options.bundle, threads=2)
    split = getattr(data.splits("mnist"), options.part)
    images, labels = split.images()[: options.count], split.labels[: options.count]
    columns = []
    sys.stdout.write(f"{'n = ' + format(len(labels), ','):16}  as published   as read\n")
    for corruption in CORRUPTIONS:
        pixels = corrupted(images, corruption)
        seen = (pixels / np.float32(255), np.stack([as_read(image) for image in pixels]))
        columns.append([(reader.probabilities(x).argmax(1) == labels).mean() for x in seen])
        _show(corruption.__name__, *columns[-1])
    _show("mean", *np.mean(columns, 0))


def _show(name: str, *shares: float) -> None:
    sys.stdout.write(f"{name:16}" + "".join(f"{share:14.2%}" for share in shares) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
