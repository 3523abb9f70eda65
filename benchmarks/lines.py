"""Measures how well lines of digits are read: synthetic lines of MNIST's digits.

    python benchmarks/lines.py [BUNDLE] [--part validation|test] [--count 1000] [--seed 0]

A line holds five digits. Each has its own size (36 to 52 pixels for MNIST's 28), slant and
baseline. In lines "apart", there are 1 to 12 pixels between two digits. In lines "touching", one
digit in five is moved towards its neighbour until their ink overlaps by one or two pixels, but by
at most a third of its width. Prints the share of lines that are read without a mistake, without and
with the knowledge that they hold no signs, and how long a line of twelve digits takes.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkling import Constraints, Reader, data

MARGIN = 12  # pixels around a line
APART = (1, 12)  # pixels between the ink of two digits
TOUCHING = 0.2  # share of neighbours
INTEGER_FORM = "integer"
INTEGER = Constraints.of(INTEGER_FORM)
INK = 64  # grey level of 255, from which on a pixel is ink
Pixels = NDArray[np.uint8]


def made(digits: list[Pixels], rng: np.random.Generator, touching: float = 0.0) -> Pixels:
    """A line `(H, W)` of digits `(28, 28)`, light on dark."""
    line = np.zeros((0, 0), np.uint8)
    for digit in digits:
        part = varied(digit, rng)
        line = beside(line, part, rng, line.size and rng.random() < touching)
    return np.pad(line, MARGIN)


def varied(digit: Pixels, rng: np.random.Generator) -> Pixels:
    """A digit enlarged, slanted and moved up or down, without empty columns."""
    size, slant = int(rng.integers(36, 53)), rng.uniform(-0.25, 0.25)
    large = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
    wide = Image.new("L", (2 * size, 72))
    wide.paste(large, (size // 2, 60 - size + int(rng.integers(-4, 5))))
    turned = wide.transform(wide.size, Image.Transform.AFFINE, (1, slant, -slant * 36, 0, 1, 0))
    sheet = np.asarray(turned)
    columns = np.flatnonzero((sheet > INK).any(0))
    return sheet[:, columns[0] : columns[-1] + 1]


def beside(line: Pixels, part: Pixels, rng: np.random.Generator, touch: bool) -> Pixels:
    """A line with one more digit; if they `touch`, their ink overlaps."""
    if not line.size:
        return part
    gap = int(rng.integers(APART[0], APART[1] + 1))
    if touch:
        room = min(_room(left, right) for left, right in zip(line, part, strict=True))
        gap = -min(room + int(rng.integers(1, 3)), part.shape[1] // 3)
    width = line.shape[1] + part.shape[1] + gap
    both = np.zeros((len(line), max(width, line.shape[1])), np.uint8)
    both[:, : line.shape[1]] = line
    start = max(line.shape[1] + gap, 0)
    place = both[:, start : start + part.shape[1]]
    np.maximum(place, part[:, : place.shape[1]], out=place)
    return both


def _room(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> int:
    """The empty pixels of a row between the ink of two neighbours."""
    before, after = np.flatnonzero(left[::-1] > INK), np.flatnonzero(right > INK)
    return int(before[0] + after[0]) if len(before) and len(after) else 1000


def main() -> None:
    """Make lines, read them, and print the shares and times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    reader = Reader.load(options.bundle)
    split = getattr(data.splits("mnist"), options.part)
    for name, touching in (("apart", 0.0), ("a fifth touching", TOUCHING)):
        rng = np.random.default_rng(options.seed)
        found = []
        for _ in range(options.count):
            chosen = rng.integers(0, len(split.labels), 5)
            line = made([split.pixels[i, 0] for i in chosen], rng, touching)
            number = reader.read_number(line)
            known = reader.read_number(line, constraints=INTEGER)
            true = "".join(str(split.labels[i]) for i in chosen)
            found.append((number.text == true, bool(number.accepted), known.text == true))
        right, accepted, known_right = np.array(found).T
        sys.stdout.write(
            f"{name:18} {right.mean():7.2%} of {len(right):,} lines of 5 digits correct; "
            f"{accepted.mean():.1%} accepted, of these {right[accepted].mean():.2%} correct; "
            f"{known_right.mean():.2%} correct where the format is known to be {INTEGER_FORM}\n"
        )
        sys.stdout.flush()
    rng = np.random.default_rng(options.seed)
    for name, touching in (("apart", 0.0), ("a fifth touching", TOUCHING)):
        seconds = []
        for _ in range(50):
            chosen = rng.integers(0, len(split.labels), 12)
            line = made([split.pixels[i, 0] for i in chosen], rng, touching)
            began = time.perf_counter()
            reader.read_number(line)
            seconds.append(time.perf_counter() - began)
        sys.stdout.write(f"12 digits, {name}: {1000 * statistics.median(seconds):.1f} ms\n")


if __name__ == "__main__":
    main()
