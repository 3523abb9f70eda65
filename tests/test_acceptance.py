"""When a reading is accepted, and what is promised of accepted ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import beta

from inkling import acceptance
from inkling.acceptance import Acceptance, Promise, Sample


def drawn(rng, n, sharpness=4.0, classes=5):
    """Logits `(n, K)` that are right more often the more confident they are, and labels."""
    labels = rng.integers(0, classes, n)
    sure = rng.uniform(0, 2, (n, 1))
    return sure * (rng.normal(size=(n, classes)) + sharpness * np.eye(classes)[labels]), labels


@given(st.integers(0, 1000), st.floats(0.5, 2), st.floats(0.8, 0.999))
def test_a_promise_is_below_what_was_measured(seed, temperature, target):
    rng = np.random.default_rng(seed)
    samples = [Sample("a", *drawn(rng, 300)), Sample("b", *drawn(rng, 100, 2.5))]
    found = acceptance.fit(samples, temperature)
    logits, labels, weights = acceptance.pooled(samples)
    probabilities = softmax(logits / temperature, axis=1)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    passing = acceptance.ood_score(logits) <= found.max_ood_score
    for point in found.curve:
        kept = passing & (confidence >= point.confidence)
        assert point.coverage == pytest.approx(weights[kept].sum())
        assert point.accuracy == pytest.approx(np.average(right[kept], weights=weights[kept]))
        assert point.guaranteed < point.accuracy or point.accuracy == 0
    threshold = found.threshold(target)
    if threshold is not None:
        kept = passing & (confidence >= threshold)
        assert np.average(right[kept], weights=weights[kept]) > target


def test_a_promise_holds_for_new_images_as_often_as_it_says():
    """Fitted to few images, tried on many: it is broken in less than a twentieth of the cases."""
    broken, tried, target = 0, 0, 0.97
    for seed in range(50):
        rng = np.random.default_rng(seed)
        samples = [Sample("a", *drawn(rng, 600)), Sample("b", *drawn(rng, 200, 3))]
        threshold = acceptance.fit(samples, 1.0).threshold(target)
        if threshold is None:
            continue
        tried += 1
        right = []
        for sharpness in (4, 3):  # both sources weigh the same
            logits, labels = drawn(rng, 4_000, sharpness)
            probabilities = softmax(logits, axis=1)
            kept = probabilities.max(1) >= threshold
            right.append(((probabilities.argmax(1) == labels)[kept].sum(), kept.sum()))
        accepted = sum(share[1] for share in right)
        broken += sum(share[0] for share in right) / accepted < target
    assert tried > 25
    assert broken <= 0.05 * tried + 2


def test_without_weights_the_bound_is_clopper_pearsons():
    confidence, right = np.full(1000, 0.9), np.arange(1000) < 990
    (point, *rest) = acceptance.selective_curve(
        confidence, right, np.full(1000, 1 / 1000), np.ones(1000, bool)
    )
    assert not rest  # all are equally confident
    assert point.accuracy == pytest.approx(0.99)
    assert point.guaranteed == pytest.approx(1 - beta.ppf(0.95, 11, 990))


def test_a_small_source_counts_as_much_as_a_large_one():
    rng = np.random.default_rng(0)
    good, bad = drawn(rng, 5000, 8), drawn(rng, 500, 2)
    mixed = acceptance.fit([Sample("good", *good), Sample("bad", *bad)], 1.0)
    alone = acceptance.fit([Sample("good", *good)], 1.0)
    everything = mixed.curve[0].accuracy
    assert everything < 0.5 * (1 + alone.curve[0].accuracy)
    assert [source.n for source in mixed.sources] == [5000, 500]
    assert mixed.sources[0].accuracy > mixed.sources[1].accuracy
    for source in mixed.sources:
        assert source.accepted_interval[0] <= source.accepted_accuracy <= 1
        assert source.interval[0] < source.accuracy <= source.interval[1]


def test_the_curve_is_searched_for_the_most_coverage():
    curve = tuple(Promise(c, 1 - c, 1.0, g) for c, g in ((0.1, 0.9), (0.5, 0.95), (0.9, 0.99)))
    found = Acceptance(10, 0.5, 1.0, curve, ())
    assert [found.threshold(a) for a in (0.5, 0.9, 0.91, 0.99, 0.999)] == [0.1, 0.1, 0.5, 0.9, None]
    assert Acceptance(10, 0.5, 1.0, (), ()).threshold(0.5) is None


def test_writers_are_ranked_if_they_wrote_enough():
    writers = np.repeat([f"w{n}" for n in range(12)], [100] * 11 + [3])
    right = np.ones(len(writers), bool)
    right[:30] = False  # of w0
    right[100:110] = False  # of w1
    right[-3:] = False  # of w11, who wrote three
    assert acceptance.worst_writers(right, writers) == pytest.approx((0.7 + 0.9) / 2)
    assert acceptance.worst_writers(right[-3:], writers[-3:]) is None


def test_the_out_of_distribution_score_is_the_energy():
    logits = np.array([[8.0, 0, 0], [-4, -4, -4], [8, 8, 0]], np.float32)
    score = acceptance.ood_score(logits)
    np.testing.assert_allclose(score, -np.log(np.exp(logits.astype(float)).sum(1)))
    assert score[1] > 0 > score[0] > score[2]
    assert -acceptance.ood_score(np.array([[2000.0, 0]]))[0] == 2000  # without overflow


def test_the_score_rejects_few_digits():
    logits = np.random.default_rng(0).normal(0, 5, (5000, 10))
    found = acceptance.fit([Sample("digits", logits, logits.argmax(1))], 1.0)
    rejected = (acceptance.ood_score(logits) > found.max_ood_score).mean()
    assert rejected == pytest.approx(acceptance.OOD_REJECTED, abs=1e-3)


@pytest.mark.parametrize("level", acceptance.LEVELS)
def test_sets_hold_the_truth_as_often_as_promised(level):
    """Over many draws of validation images, at least that share of new cases on average."""
    rng, held = np.random.default_rng(1), []
    for _ in range(60):
        labels = rng.integers(0, 5, 4000)
        logits = rng.normal(size=(4000, 5)) + 3 * np.eye(5)[labels]
        probabilities = softmax(logits, axis=1)
        equal = np.full(2000, 1 / 2000)
        sets = dict(acceptance.conformal_sets(probabilities[:2000], labels[:2000], equal))
        of_label = probabilities[np.arange(4000), labels][2000:]
        held.append((of_label >= sets.get(level, 0)).mean())
    spread = np.std(held) / np.sqrt(len(held))
    assert level - 4 * spread <= np.mean(held) <= level + 1 / 2000 + 4 * spread or level > 0.999


def test_a_level_between_is_the_next_higher_one():
    found = Acceptance(10, 0.5, 1.0, (), ((0.9, 0.3), (0.99, 0.1)))
    assert [found.min_label_probability(level) for level in (0.5, 0.9, 0.95, 0.999)] == [
        0.3, 0.3, 0.1, None,
    ]  # fmt: skip
