"""benchmarks/hand.py: the strokes that it traces are those of the digits."""

import sys
from pathlib import Path

import numpy as np
import pytest

from inkling import Drawing, Reader, data, to_image

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def trace(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import strokes

    yield strokes.trace
    sys.modules.pop("strokes")


def test_strokes_follow_the_middle_of_the_ink(trace):
    image = np.zeros((28, 28), np.float32)
    image[5:23, 12:16] = 1
    (stroke,) = trace(image)
    assert np.abs(stroke[:, 0] - 14).max() < 1
    assert 5 <= stroke[:, 1].min() < 8
    assert 20 < stroke[:, 1].max() <= 23


def test_a_ring_ends_where_it_begins(trace):
    y, x = np.mgrid[:28, :28]
    away = np.hypot(y - 13.5, x - 13.5)
    (stroke,) = trace(((away > 6) & (away < 9)).astype(np.float32))
    assert np.abs(stroke[0] - stroke[-1]).max() < 0.5
    assert np.ptp(stroke, 0).min() > 13


@pytest.mark.parametrize(("size", "pen"), [(40, 40), (40, 4), (380, 4), (380, 40)])
def test_traced_digits_are_read_at_any_size_with_any_pen(trace, size, pen):
    split = data.splits("optdigits").validation
    reader, read = Reader.load(), 0
    for image in split.images()[:60]:
        strokes = trace(image[0])
        points = np.concatenate(strokes)
        scale = size / np.ptp(points, 0).max()
        drawn = [[tuple(np.rint(point * scale)) for point in stroke] for stroke in strokes]
        seen = np.stack([to_image(Drawing(drawn, pen)), image])
        read += len(set(reader.probabilities(seen).argmax(1))) == 1
    assert read >= 48  # they are 8x8, and blurred
