"""Synthetic handwriting, and outliers."""

import numpy as np
import pytest

from inkling.augmentation import handwriting, outliers
from inkling.ink import SIDE


@pytest.fixture(scope="module")
def some_digits():
    """Synthetic digits, in place of a data set."""
    rng = np.random.default_rng(3)
    return handwriting.make(200, rng)


def test_synthetic_handwriting_is_placed_as_in_mnist(some_digits):
    pixels, labels = some_digits
    assert pixels.shape == (200, 1, SIDE, SIDE)
    assert pixels.dtype == np.uint8
    assert set(labels) == set(range(10))
    for image in pixels[:, 0]:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        assert image.max() == 255


def test_the_same_seed_gives_the_same_images(some_digits):
    pixels, labels = handwriting.make(200, np.random.default_rng(3))
    assert np.array_equal(pixels, some_digits[0])
    assert np.array_equal(labels, some_digits[1])
    first, again, other = (
        outliers.make(*some_digits, 60, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("digit", range(10))
def test_every_form_of_a_digit_can_be_drawn(digit):
    drawn = [handwriting.written(digit, np.random.default_rng(seed)) for seed in range(40)]
    assert all(
        sheet.shape == (handwriting.SHEET, handwriting.SHEET) and sheet.any() for sheet in drawn
    )
    assert len({sheet.tobytes() for sheet in drawn}) == 40


def test_the_pretrained_network_reads_synthetic_handwriting():
    """The network has learnt from others like these, of another seed."""
    from inkling import Reader

    pixels, labels = handwriting.make(300, np.random.default_rng(77))
    read = Reader.load().probabilities(pixels / np.float32(255)).argmax(1)
    assert (read == labels).mean() > 0.97


def test_each_kind_of_outlier_has_its_share(some_digits, monkeypatch):
    drawn = []
    for kind in list(outliers.KINDS):
        original = kind

        def counted(rng, pick, original=original):
            drawn.append(original.__name__)
            return original(rng, pick)

        counted.__name__ = kind.__name__
        monkeypatch.setitem(outliers.KINDS, counted, outliers.KINDS[kind])
        monkeypatch.delitem(outliers.KINDS, kind)
    images = outliers.make(*some_digits, 400, np.random.default_rng(0))
    assert images.shape == (400, 1, SIDE, SIDE)
    assert images.dtype == np.uint8
    assert images.any((1, 2, 3)).all()
    whole = sum(outliers.KINDS.values())
    for kind, share in outliers.KINDS.items():
        assert 400 * share / whole - 1 <= drawn.count(kind.__name__) <= 400 * share / whole + 25


def test_no_glyph_looks_like_a_digit():
    assert not set("0123456789OoQDIlijJZzSsBbgqG|/()") & set(outliers.GLYPHS)
    assert len(handwriting.glyphs(outliers.GLYPHS)) > 500


def test_only_digits_that_no_longer_are_one_are_cut_up(some_digits):
    allowed = []

    def pick(digits):
        allowed.extend(digits)
        return some_digits[0][0, 0]

    for seed in range(60):
        outliers.cut_up(np.random.default_rng(seed), pick)
    assert not {0, 1, 6, 8} & set(allowed)
