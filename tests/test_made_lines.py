"""Made lines: texts as people write them, set from the characters of one writer."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkling import data
from inkling.augmentation import lines, texts
from inkling.ink.lines import HEIGHT, MARGIN

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def sources():
    """MNIST's digits alone, as where no pen strokes are here."""
    train = data.splits("mnist").train
    return lines.Sources([], [], [], train.pixels, train.labels)


@cache
def by():
    return lines.writers([], [], np.random.default_rng(0))


@given(SEEDS)
def test_a_text_has_characters_of_numbers_alone(seed):
    text = texts.make(np.random.default_rng(seed))
    assert 1 <= len(text) <= 40
    assert set(text) <= set(texts.DIGITS + texts.SIGNS)


@given(SEEDS)
def test_every_kind_of_text_is_drawn_as_its_name_says(seed):
    rng = np.random.default_rng(seed)
    assert texts.count(rng).isdigit()
    assert len(set(texts.decimal(rng)) & set(".,")) == 1
    assert texts.time(rng).replace(":", "").replace(".", "").isdigit()
    assert len(texts.telephone(rng)) >= 4


def test_the_kinds_are_drawn_as_often_as_is_said():
    assert sum(texts.SHARES.values()) == pytest.approx(1)
    assert sum(texts.LENGTHS) == pytest.approx(1)
    assert sum(lines.SHARES.values()) == pytest.approx(1)
    rng = np.random.default_rng(0)
    digits = np.mean([texts.make(rng).isdigit() for _ in range(2000)])
    assert digits == pytest.approx(texts.SHARES["count"], abs=0.05)


@given(SEEDS)
def test_characters_stand_from_left_to_right(seed):
    rng = np.random.default_rng(seed)
    strokes, _ = lines.compose("1234", by(), rng)
    spread = lines._Spread.draw(rng)
    glyphs = [lines._pick(character, {}, by(), rng) for character in "1234"]
    placed = lines._placed(glyphs, spread, rng)
    middles = [points[:, 0].mean() for points in placed]
    assert middles == sorted(middles)
    assert np.isfinite(np.concatenate(strokes)).all()


@given(SEEDS)
def test_a_point_stays_clear_of_other_ink(seed):
    """Else a network learns to see points where there are none."""
    rng = np.random.default_rng(seed)
    spread = lines._Spread.draw(rng)
    glyphs = [lines._pick(character, {}, by(), rng) for character in "7.1"]
    left, point, right = lines._placed(glyphs, spread, rng)
    for other in (left, right):
        distance = np.hypot(*(other[:, None] - point[None]).transpose(2, 0, 1)).min()
        assert distance > lines.CLEAR / 3


@pytest.mark.parametrize("on_paper", [0.0, 1.0])
def test_lines_are_as_a_reader_makes_them(sources, on_paper):
    made = lines.make(sources, 60, on_paper, np.random.default_rng(1))
    assert len(made) == 60
    for line in made:
        assert line.pixels.dtype == np.uint8
        assert line.pixels.shape[0] == HEIGHT
        assert line.pixels.max() > 128
        assert set(line.text) <= set(texts.CHARACTERS)
    assert {kind for line in made for kind in ("?" in line.text,)} == {True, False}


def test_the_same_seed_makes_the_same_lines(sources):
    one, other = (lines.make(sources, 20, 0.5, np.random.default_rng(7)) for _ in range(2))
    assert [line.text for line in one] == [line.text for line in other]
    assert all((a.pixels == b.pixels).all() for a, b in zip(one, other, strict=True))


def test_images_side_by_side_keep_their_gap(sources):
    images = [sources.pixels[index, 0] for index in range(3)]
    apart, touching = lines.side_by_side(images, 0.5), lines.side_by_side(images, -0.05)
    assert apart.shape[0] == touching.shape[0] == HEIGHT
    assert apart.shape[1] > touching.shape[1]
    ink = np.flatnonzero(apart.max(1) > 64)
    assert ink[0] >= MARGIN - 1
    assert ink[-1] <= HEIGHT - MARGIN
    assert not apart.max(0)[[0, -1]].any()
