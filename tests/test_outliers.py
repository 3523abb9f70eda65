"""Synthetic handwriting, and outliers."""

import numpy as np
import pytest

from inkling.augmentation import handwriting, outliers
from inkling.data import Item
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
def test_every_form_of_a_digit_is_written_in_its_box(digit):
    written = [handwriting.written(digit, np.random.default_rng(seed)) for seed in range(60)]
    for strokes in written:
        points = np.concatenate(strokes)
        assert np.isfinite(points).all()
        assert points.min() > -0.5
        assert points.max() < 1.5
    assert len({np.concatenate(strokes).tobytes() for strokes in written}) == 60
    assert len({len(strokes) for strokes in map(str.split, handwriting.FORMS[digit])}) > 1


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


def test_letters_that_could_be_digits_are_no_outliers():
    ring = np.stack([np.cos(np.linspace(0, 6.3, 30)), np.sin(np.linspace(0, 6.3, 30))], 1)
    cross = [np.array([[0.0, 0], [1, 1]]), np.array([[1.0, 0], [0, 1]])]
    assert outliers.is_like_a_digit("O")
    assert not outliers.is_like_a_digit("X")
    others = [Item("X", "w", tuple(cross)), Item("A", "v", (*cross, cross[0] + 1))]
    digits = [Item("0", "w", (ring,))]
    images = outliers.written(others, digits, 40, np.random.default_rng(0))
    assert images.shape == (40, 1, SIDE, SIDE)
    assert images.any((1, 2, 3)).all()


def test_two_drawings_beside_each_other_do_not_touch():
    line = np.array([[5.0, 0], [5, 100]])
    bow = np.array([[0.0, 0], [3, 2], [0, 4]])
    left, right = outliers.beside((line,), (bow,))
    assert left[:, 0].max() < right[:, 0].min()
    assert np.ptp(left[:, 1]) == np.ptp(right[:, 1]) == 1


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
