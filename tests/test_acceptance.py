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


def test_a_quantile_is_the_smallest_value_with_that_share_of_the_weight():
    values, weights = np.array([30.0, 10, 20]), np.array([1.0, 2, 1])
    shares = {0.0: 10, 0.5: 10, 0.51: 20, 0.75: 20, 0.76: 30, 1.0: 30}
    assert [acceptance.quantile(values, weights, share) for share in shares] == [*shares.values()]
    tenths = np.arange(1.0, 11)  # whose weights do not add up to 1 exactly
    assert acceptance.quantile(tenths, np.full(10, 0.1), 0.3) == 3


def test_the_whole_weight_is_reached_though_small_weights_are_lost_in_a_running_sum():
    weights = np.array([1e13, *[0.0009] * 100_000])
    assert acceptance.quantile(np.arange(100_001.0), weights, 1.0) == 100_000


def test_pooled_sources_weigh_the_same():
    assert acceptance.balanced([1, 4]).tolist() == [0.5, 0.125, 0.125, 0.125, 0.125]


def test_the_search_takes_the_point_that_promises_most_where_it_finds_none():
    curve = tuple(Promise(n / 9, 1 - n / 9, 1.0, 0.99 if n == 1 else 0.5) for n in range(8))
    assert acceptance.search(curve, 0.99) is curve[1]
    assert acceptance.search(curve, 0.5) is curve[0]
    assert acceptance.search(curve, 0.991) is None
    assert acceptance.search(curve[:2], 0.9) is curve[1]
    assert acceptance.search(curve[:1], 0.5) is curve[0]


def test_a_curve_rejects_a_mistake_more_at_each_point():
    confidence = np.array([0.9, 0.2, 0.6, 0.4, 0.8, 0.99])
    right, passing = np.array([1, 0, 0, 1, 1, 1], bool), np.array([1, 1, 1, 1, 1, 0], bool)
    weights = np.array([0.3, 0.1, 0.1, 0.1, 0.1, 0.3])
    curve = acceptance.selective_curve(confidence, right, weights, passing)
    assert [point.confidence for point in curve] == [0.2, 0.4, 0.8]
    assert [point.coverage for point in curve] == pytest.approx([0.7, 0.6, 0.4])
    assert [point.accuracy for point in curve] == pytest.approx([5 / 7, 5 / 6, 1])
    # Kish 1965: of the last point, 0.4 ** 2 / (0.09 + 0.01) = 1.6 images; log2(3) and 1: 3 steps
    assert curve[2].guaranteed == pytest.approx(1 - beta.ppf(1 - 0.05 / 3, 1, 1.6))
    effective = 0.7**2 / (0.09 + 4 * 0.01)
    wrong = effective * 2 / 7
    bound = 1 - beta.ppf(1 - 0.05 / 3, wrong + 1, effective - wrong)
    assert curve[0].guaranteed == pytest.approx(bound)
    assert acceptance.selective_curve(confidence, right, weights, ~passing & ~right) == ()


def test_a_set_leaves_out_the_share_of_labels_that_its_level_allows():
    """Of 99 images and one more, unseen: the hundredth, the fiftieth ... of what labels got."""
    of_label = np.random.default_rng(0).permutation(np.arange(1, 100)) / 100
    probabilities = np.stack([1 - of_label, of_label], 1)
    sets = acceptance.conformal_sets(probabilities, np.ones(99, int), np.full(99, 1 / 99))
    assert dict(sets) == pytest.approx({0.9: 0.1, 0.95: 0.05, 0.98: 0.02, 0.99: 0.01})


def test_numbers_are_accepted_from_one_confidence_on():
    sure = np.linspace(0, 1, 2001)
    texts = acceptance.Texts("made", sure, sure > 0.3, np.repeat(["a", "b", "c"], 667))
    found = acceptance.fit_texts([texts, texts])
    assert found.n == 4002
    assert 0.29 < found.min_confidence < 0.31
    assert found.max_ood_score is None
    assert acceptance.highest_score(found) == np.inf
    source = found.sources[0]
    assert source.coverage == pytest.approx((sure >= found.min_confidence).mean())
    assert source.accuracy == pytest.approx(0.7, abs=1e-3)
    assert source.accepted_accuracy > 0.985
    assert (source.writers, source.worst_writers) == (3, pytest.approx(66 / 667, abs=0.002))
    assert source.recall == ()


def test_the_figures_of_texts_are_those_of_being_right():
    texts = acceptance.Texts("made", np.array([0.9, 0.8, 0.3, 1.0]), np.array([1, 0, 0, 1], bool))
    measures = texts.measures
    assert (measures.n, measures.accuracy) == (4, 0.5)
    assert measures.interval == pytest.approx((0.15, 0.85), abs=1e-2)
    assert measures.negative_log_likelihood == pytest.approx(-np.log([0.9, 0.2, 0.7]).sum() / 4)
    assert measures.calibration_error == pytest.approx((0.1 + 0.8 + 0.3 + 0) / 4)
    wrong = acceptance.Texts("sure and wrong", np.array([1.0]), np.array([False])).measures
    assert wrong.negative_log_likelihood == pytest.approx(-np.log(1e-12), rel=1e-4)


def test_a_source_has_the_recall_of_each_class():
    labels = np.array([0, 0, 1, 1, 1])
    probabilities = np.eye(3)[[0, 1, 1, 1, 0]] * 0.7 + 0.1
    accepted = np.array([1, 0, 1, 1, 0], bool)
    source = acceptance.measure("made", probabilities, accepted, labels)
    assert source.recall == pytest.approx((1 / 2, 2 / 3, 1))
    assert (source.n, source.accuracy, source.coverage) == (5, 0.6, 0.6)
    assert source.accepted_accuracy == 1
    assert source.accepted_interval[0] == pytest.approx(0.4385, abs=1e-4)  # Wilson, 3 of 3
    nothing = acceptance.measure("made", probabilities, np.zeros(5, bool), labels)
    assert (nothing.accepted_accuracy, nothing.accepted_interval) == (None, None)


def test_a_reading_at_both_limits_is_accepted():
    logits = np.log(np.array([[0.8, 0.2], [0.7, 0.3]]))
    score = float(acceptance.ood_score(logits)[0])
    for lowest, highest, expected in (
        (0.8 - 1e-12, score + 1e-12, [True, False]),
        (0.7 - 1e-12, score + 1e-12, [True, True]),
        (0.7 - 1e-12, score - 1e-3, [False, False]),
    ):
        found = Acceptance(10, lowest, highest, (), ())
        assert acceptance.accepts(found, logits, 1.0).tolist() == expected
    assert acceptance.accepts(Acceptance(1, 0.6, 9.0, (), ()), logits, 2.0).tolist() == [True, True]
    assert acceptance.accepts(Acceptance(1, 0.65, 9.0, (), ()), logits, 2.0).tolist() == [1, 0]


def test_what_is_accepted_is_promised_to_be_right_998_times_in_1000():
    """No more is asked for: then more would be rejected."""
    rng = np.random.default_rng(0)
    sample = Sample("made", *drawn(rng, 30_000))
    found = acceptance.fit([sample], 1.0)
    (chosen,) = (point for point in found.curve if point.confidence == found.min_confidence)
    before = found.curve[found.curve.index(chosen) - 1]
    assert before.guaranteed < 0.998 <= chosen.guaranteed < 0.9985
