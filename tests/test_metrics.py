import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from inkling import metrics


@st.composite
def predictions(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, classes = draw(st.integers(1, 200)), draw(st.integers(2, 12))
    logits = rng.normal(size=(n, classes)) * draw(st.floats(0.01, 20))
    return logits, rng.integers(0, classes, n)


@given(predictions())
def test_figures_are_scikit_learns(given):
    logits, labels = given
    probabilities, classes = softmax(logits, axis=1), logits.shape[1]
    predicted = probabilities.argmax(1)
    every = list(range(classes))
    measures = metrics.measure(probabilities, labels)
    assert measures.n == len(labels)
    assert measures.accuracy == pytest.approx(reference.accuracy_score(labels, predicted))
    if probabilities.min() > 1e-12:
        expected = reference.log_loss(labels, probabilities, labels=every)
        assert measures.negative_log_likelihood == pytest.approx(expected)
    counts = metrics.confusion(labels, predicted, classes)
    assert np.array_equal(counts, reference.confusion_matrix(labels, predicted, labels=every))
    precision, recall = metrics.precision_recall(counts)
    references = reference.precision_score, reference.recall_score
    for ours, theirs in zip((precision, recall), references, strict=True):
        expected = theirs(labels, predicted, labels=every, average=None, zero_division=0)
        np.testing.assert_allclose(ours, expected)


@given(predictions())
def test_calibration_error_is_its_definition(given):
    logits, labels = given
    probabilities = softmax(logits, axis=1)
    expected, confidence = 0.0, probabilities.max(1)
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if inside.any():
            right = (probabilities.argmax(1) == labels)[inside].mean()
            expected += inside.mean() * abs(right - confidence[inside].mean())
    assert metrics.calibration_error(probabilities, labels) == pytest.approx(expected)


def test_calibration_error_of_the_sure_and_wrong_is_one():
    assert metrics.calibration_error(np.array([[1.0, 0.0]]), np.array([1])) == 1
    assert metrics.calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


@pytest.mark.parametrize(  # Newcombe 1998, table I, method 3
    ("right", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_the_published_one(right, n, low, high):
    assert metrics.wilson(right, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_holds_the_share():
    assert metrics.wilson(10, 10)[1] == 1
    for right in range(11):
        low, high = metrics.wilson(right, 10)
        assert 0 <= low <= right / 10 <= high <= 1


@settings(max_examples=30)
@given(st.floats(0.2, 5), st.integers(0, 1000))
def test_the_temperature_is_found(temperature, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(20_000, 5)) * 2
    chance = rng.random((20_000, 1))
    labels = (softmax(logits, axis=1).cumsum(1) < chance).sum(1).clip(max=4)
    found = metrics.fit_temperature(logits * temperature, labels)
    assert found == pytest.approx(temperature, rel=0.1)


def test_no_other_temperature_is_better():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(500, 10)) * 4, rng.integers(0, 10, 500)
    labels[:300] = logits[:300].argmax(1)
    best = metrics.fit_temperature(logits, labels)

    def loss(temperature):
        return metrics.negative_log_likelihood(softmax(logits / temperature, axis=1), labels)

    assert loss(best) <= min(loss(best * 1.01), loss(best / 1.01))


def test_worst_mistakes_come_most_confident_first():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.99, 0.01]])
    labels = np.array([1, 0, 1, 1])
    assert metrics.worst_mistakes(probabilities, labels, 2).tolist() == [3, 0]
    assert metrics.worst_mistakes(probabilities, labels, 9).tolist() == [3, 0, 1]


def test_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match="0 rows"):
        metrics.measure(np.zeros((0, 10)), np.zeros(0, int))
    with pytest.raises(ValueError, match="2 rows for 1"):
        metrics.measure(np.ones((2, 10)), np.zeros(1, int))


@given(predictions())
def test_the_curve_counts_what_each_threshold_accepts(given):
    logits, labels = given
    probabilities = softmax(logits, axis=1)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    curve = metrics.risk_coverage(probabilities, labels)
    assert len(curve) <= 1 + (~right).sum()
    assert [point.coverage for point in curve] == sorted({p.coverage for p in curve}, reverse=True)
    for point in curve:
        accepted = confidence >= point.confidence
        assert point.coverage == pytest.approx(accepted.mean())
        assert point.accuracy == pytest.approx(right[accepted].mean())
    assert not curve or curve[0].coverage == 1
    for threshold in confidence[~right]:  # a mistake more or less is a point of its own
        above = confidence > threshold
        assert not above.any() or right[above].mean() <= max(point.accuracy for point in curve)


@given(predictions())
def test_reliability_is_scikit_learns(given):
    logits, labels = given
    probabilities = softmax(logits, axis=1)
    bins = metrics.reliability(probabilities, labels)
    right = probabilities.argmax(1) == labels
    confidence = probabilities.max(1).astype(np.float64)
    accuracies, confidences = calibration_curve(right, confidence, n_bins=15)
    assert [some.confidence for some in bins] == pytest.approx(confidences)
    assert [some.accuracy for some in bins] == pytest.approx(accuracies)
    assert sum(some.n for some in bins) == len(labels)


def test_the_bounds_of_a_bin_are_its_own_above_and_the_next_ones_below():
    """Of 15 bins, the first holds 0, too; rounding may lift a confidence above 1."""
    confidence = np.array([0, 0.05, 1 / 15, 0.07, 14 / 15, 0.95, 1, 1 + 1e-7])
    bins = metrics.binned(confidence, np.array([0, 1, 1, 0, 1, 0, 1, 1], bool))
    assert [some.n for some in bins] == [3, 1, 1, 3]
    assert [some.accuracy for some in bins] == pytest.approx([2 / 3, 0, 1, 2 / 3])
    assert bins[0].confidence == pytest.approx((0.05 + 1 / 15) / 3)
