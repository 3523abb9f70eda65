"""Made paper: the digits of a line stay to be seen on it, and no two papers are alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkling.augmentation import lined_paper
from inkling.ink import lines
from inkling.ink.lines import HEIGHT, MAX_WIDTH

SEEDS = st.integers(0, 2**32 - 1)
TWELVE = [
    np.array([(6.0, 16), (24, 0), (24, 70)]),
    np.array([(50.0, 14), (70, 0), (88, 14), (80, 40), (50, 70), (90, 70)]),
]


@pytest.fixture(scope="module")
def papers():
    return lined_paper.Papers(np.random.default_rng(0), 32)


def line_of(wide=1, pen=2.5):
    drawn = [stroke + np.array([100.0 * place, 0]) for place in range(wide) for stroke in TWELVE]
    return lines.draw(drawn, pen)[0]


@settings(max_examples=200)
@given(SEEDS, st.integers(1, 12), st.floats(1, 6))
def test_paper_gives_an_image_of_the_same_size(papers, seed, wide, pen):
    line = line_of(wide, pen)
    before = line.copy()
    found = papers.write(line, np.random.default_rng(seed))
    assert found.shape == line.shape
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_array_equal(line, before)  # the line itself is left as it was


def test_the_widest_and_the_narrowest_line_are_written(papers):
    rng = np.random.default_rng(5)
    narrow = lines.draw([np.array([(0.0, 0.0), (0.0, 70.0)])], 1)[0]
    for line in (narrow, np.zeros((HEIGHT, MAX_WIDTH), np.float32)):
        for _ in range(60):
            assert np.isfinite(papers.write(line, rng)).all()


@settings(max_examples=5)
@given(SEEDS)
def test_the_seed_decides_the_paper(seed):
    line = line_of(2)
    one, other = (
        lined_paper.Papers(np.random.default_rng(1), 4).write(line, np.random.default_rng(seed))
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)


def test_ink_is_darker_than_its_paper(papers):
    """Where it was not made smaller; over all papers, from clean to badly printed over."""
    rng, line = np.random.default_rng(2), line_of(3, 3.5)
    written = [papers.write(line, rng) for _ in range(300)]
    ink = np.array([found[line > 0.9].mean() for found in written])
    ground = np.array([found[line == 0].mean() for found in written])
    assert np.mean(ink > ground + 0.15) > 0.75
    assert np.mean(ink > ground) > 0.97


def test_papers_differ(papers):
    rng, line = np.random.default_rng(3), line_of(2)
    grounds = [papers.write(line, rng)[line == 0] for _ in range(100)]
    assert np.std([ground.mean() for ground in grounds]) > 0.05  # from bare to full of print
    assert np.mean([ground.std() > 0.08 for ground in grounds]) > 0.3


@pytest.mark.parametrize("texture", set(lined_paper.PATTERNS))
def test_every_texture_has_print_and_paper(texture):
    found = texture(np.random.default_rng(4))
    assert found.shape == (lined_paper.TALL, lined_paper.LONG)
    assert found.min() >= 0
    assert found.max() <= 1
    assert found.std() > 0.03
