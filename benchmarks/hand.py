"""Measures how a bundle reads digits that are drawn or photographed, and digits of optdigits.

    python benchmarks/hand.py [BUNDLE] [--part validation|test] [--count 300]

Drawn: MNIST's digits are traced to strokes (strokes.py) and drawn again in each size and with each
pen, in whole pixels of the page's canvas. Photographed: MNIST's digits are put on synthetic
photographs with uneven light, shadows, ruled lines or specks, or cut out tightly.
Needs scikit-image. Prints a table of accuracies.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from strokes import trace

from inkling import Drawing, Reader, data, ink
from inkling.errors import InkError

CANVAS = 384  # pixels a side, of the page's canvas
SIZES, PENS = (40, 100, 200, 380), (4, 15, 30, 40)  # pixels of the canvas
PAPERS = (
    "plain", "light", "shadow", "ruled", "specks", "light ruled specks", "light shadow",
    "dark", "dark light specks", "tight", "tight light",
)  # fmt: skip


def main() -> None:
    """Read everything and print the accuracy of each kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--count", type=int, default=300)
    options = parser.parse_args()
    reader = Reader.load(options.bundle, threads=2)
    split = getattr(data.splits("mnist"), options.part)
    images, labels = split.images()[: options.count], split.labels[: options.count]
    show("MNIST as published", accuracy(reader, images, labels))
    traced = [trace(image[0]) for image in images]
    for size in SIZES:
        row = [
            accuracy(reader, [ink.to_image(d) for d in redrawn(traced, size, pen)], labels)
            for pen in PENS
        ]
        show(f"drawn {size} pixels large, with pens of {PENS}", *row)
    for kind in PAPERS:
        rng = np.random.default_rng(0)
        seen = [image_of(photograph(image[0], kind, rng)) for image in images]
        show(f"photographed: {kind}", accuracy(reader, seen, labels))
    parts = data.splits("optdigits", "all")
    pixels = np.concatenate([parts.train.images(), parts.test.images()])
    known = np.concatenate([parts.train.labels, parts.test.labels])
    show(f"optdigits, n = {len(known):,}", accuracy(reader, pixels, known))


def accuracy(
    reader: Reader, images: Sequence[NDArray[np.float32]] | NDArray[np.float32], labels: NDArray
) -> float:
    """The share of images `(N, 1, 28, 28)` that are read correctly."""
    return float((reader.probabilities(np.stack(list(images))).argmax(1) == labels).mean())


def show(what: str, *shares: float) -> None:
    """Print a line of the table."""
    sys.stdout.write(f"{what:55}" + "  ".join(f"{share:7.2%}" for share in shares) + "\n")
    sys.stdout.flush()


def redrawn(
    traced: Sequence[Sequence[NDArray[np.float64]]], size: int, pen: int
) -> Iterator[Drawing]:
    """Each digit in this size, at a random place on the page's canvas, in whole pixels."""
    rng = np.random.default_rng(0)
    for strokes in traced:
        points = np.concatenate(strokes)
        scale = size / max(np.ptp(points, 0).max(), 1)
        corner = rng.uniform(0, CANVAS - size, 2)
        moved = [np.rint((stroke - points.min(0)) * scale + corner) for stroke in strokes]
        yield Drawing([[(float(x), float(y)) for x, y in stroke] for stroke in moved], pen)


def image_of(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The image that the network sees; empty where no ink is found."""
    try:
        return ink.to_image(picture)
    except InkError:
        return np.zeros((1, ink.SIDE, ink.SIDE), np.float32)


def photograph(
    image: NDArray[np.float32], kind: str, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A synthetic photograph, 200 to 600 pixels high, of a digit `(28, 28)` in [0, 1].

    `kind` is one of PAPERS.
    """
    side = int(rng.integers(200, 600))
    covered = placed(image, side, "tight" in kind, rng)
    height, width = covered.shape
    y, x = np.mgrid[:height, :width] / side
    angle = rng.uniform(0, 2 * np.pi)
    across = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    light = np.ones_like(covered)
    if "light" in kind:
        light += rng.uniform(0.25, 0.8) * across
    if "shadow" in kind:
        light *= np.where(across > rng.uniform(-0.3, 0.3), 0.6, 1)
    lines = np.zeros_like(covered)
    if "ruled" in kind:
        gap, slope = int(side * rng.uniform(0.12, 0.3)), rng.uniform(-0.02, 0.02)
        rows = (np.arange(height)[:, None] - gap // 2 + slope * np.arange(width)) % gap
        lines = (rows < max(1, side / 200)) * rng.uniform(0.25, 0.5)
    reflected = (1 - rng.uniform(0.4, 0.9) * covered) * (1 - lines)
    if "specks" in kind:
        for row, column in rng.integers(0, (height, width), (20, 2)):
            reflected[(y * side - row) ** 2 + (x * side - column) ** 2 < (0.004 * side) ** 2] *= 0.4
    grey = rng.uniform(150, 240) * reflected * light
    grey += rng.normal(0, rng.uniform(1, 6), grey.shape)
    grey = 255 - grey if "dark" in kind else grey
    sharp = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    return np.asarray(sharp.filter(ImageFilter.GaussianBlur(side / 400)))


def placed(
    image: NDArray[np.float32], side: int, tight: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The ink `(side, W)` in [0, 1] of a picture: at a random place, or cut out tightly."""
    grey = Image.fromarray((image * 255).astype(np.uint8))
    if tight:
        left, top, right, bottom = grey.point(lambda level: 255 * (level > 127)).getbbox()
        box = grey.crop((left - 1, top - 1, right + 1, bottom + 1))
        large = box.resize((box.width * side // box.height, side), Image.Resampling.BICUBIC)
        return np.asarray(large) / 255
    large = grey.resize((int(side * rng.uniform(0.3, 0.9)),) * 2, Image.Resampling.BICUBIC)
    page = Image.new("L", (int(side * rng.uniform(1, 1.4)), side))
    room = page.width - large.width, page.height - large.height
    page.paste(large, (int(rng.uniform(0, room[0])), int(rng.uniform(0, room[1]))))
    return np.asarray(page) / 255


if __name__ == "__main__":
    main()
