"""How good probabilities are: accuracy and its interval, confusion, calibration.

Everything here takes `probabilities` `(N, K)`, rows summing to 1, and `labels` `(N,)`, and
knows nothing of what made them. scikit-learn is the reference in the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

Probabilities = NDArray[np.floating]
Labels = NDArray[np.integer]

CALIBRATION_BINS = 15  # as Guo et al. 2017
MIN_PROBABILITY = 1e-12  # keeps the logarithm of a float32 zero finite


@dataclass(frozen=True)
class Measures:
    """What a model does on one part of a data set."""

    n: int
    accuracy: float  # in [0, 1]
    interval: tuple[float, float]  # Wilson, 95 %
    negative_log_likelihood: float  # nats an image
    calibration_error: float  # in [0, 1]


@dataclass(frozen=True)
class Bin:
    """Readings of about the same confidence."""

    n: int
    confidence: float  # mean, in [0, 1]
    accuracy: float  # share that is right, in [0, 1]


@dataclass(frozen=True)
class Point:
    """Coverage and accuracy if readings are accepted from a confidence on."""

    confidence: float  # in [0, 1], the lowest that is accepted
    coverage: float  # share that is accepted, in [0, 1]
    accuracy: float  # of the accepted ones, in [0, 1]


@dataclass(frozen=True)
class Report:
    """What a model does on one part of a data set, in full."""

    n: int
    confusion: tuple[tuple[int, ...], ...]  # (K, K) counts: rows true labels, columns readings
    reliability: tuple[Bin, ...]  # by confidence, from low to high; empty bins are left out
    risk_coverage: tuple[Point, ...]  # from everything accepted to nothing wrong accepted


def measure(probabilities: Probabilities, labels: Labels) -> Measures:
    """All the figures of one part of a data set. Raises ValueError if there is nothing."""
    if len(probabilities) != len(labels) or not len(labels):
        raise ValueError(f"{len(probabilities)} rows for {len(labels)} labels")
    right = int((probabilities.argmax(1) == labels).sum())
    return Measures(
        n=len(labels),
        accuracy=right / len(labels),
        interval=wilson(right, len(labels)),
        negative_log_likelihood=negative_log_likelihood(probabilities, labels),
        calibration_error=calibration_error(probabilities, labels),
    )


def report(probabilities: Probabilities, labels: Labels) -> Report:
    """The confusion matrix, reliability bins and risk-coverage curve of one part of a data set."""
    counts = confusion(labels, probabilities.argmax(1), probabilities.shape[1])
    return Report(
        n=len(labels),
        confusion=tuple(tuple(row) for row in counts.tolist()),
        reliability=reliability(probabilities, labels),
        risk_coverage=risk_coverage(probabilities, labels),
    )


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share `right / n`, n > 0. Source: Wilson 1927."""
    from scipy.stats import binomtest  # here, for its import takes longer than a reading

    interval = binomtest(right, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def negative_log_likelihood(probabilities: Probabilities, labels: Labels) -> float:
    """The mean of -log p(label), in nats."""
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(likelihood, MIN_PROBABILITY)).mean())


def calibration_error(probabilities: Probabilities, labels: Labels) -> float:
    """The expected calibration error of the top class, in [0, 1], over equal-width bins.

    The mean distance of accuracy from confidence, weighted by a bin's share.
    Source: Guo, Pleiss, Sun & Weinberger 2017, eq. 3.
    """
    return gap(reliability(probabilities, labels))


def gap(bins: Sequence[Bin]) -> float:
    """The mean distance of accuracy from confidence, weighted by the size of a bin."""
    gaps = (some.n * abs(some.accuracy - some.confidence) for some in bins)
    return sum(gaps) / sum(some.n for some in bins)


def reliability(probabilities: Probabilities, labels: Labels) -> tuple[Bin, ...]:
    """How right readings are by how sure they are, in equal-width bins of confidence.

    Empty bins are left out. Source: Guo et al. 2017, figure 1.
    """
    return binned(probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels)


def binned(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """How right `(N,)` readings are by their confidence `(N,)`; see `reliability`."""
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bins = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, CALIBRATION_BINS - 1)
    return tuple(
        Bin(int(there.sum()), float(confidence[there].mean()), float(right[there].mean()))
        for there in (bins == number for number in range(CALIBRATION_BINS))
        if there.any()
    )


def risk_coverage(probabilities: Probabilities, labels: Labels) -> tuple[Point, ...]:
    """Coverage and accuracy, from everything accepted to nothing wrong accepted.

    One point a mistake: each rejects just one mistake more than the one before it.
    """
    confidence = probabilities.max(1).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    wrong = (probabilities.argmax(1) != labels)[order]
    ranked = confidence[order]
    rejected = [0, *np.searchsorted(ranked, ranked[wrong], "right")]
    return tuple(
        Point(float(ranked[first]), 1 - first / len(ranked), float((~wrong[first:]).mean()))
        for first in sorted(set(rejected))
        if first < len(ranked)
    )


def confusion(labels: Labels, predictions: Labels, classes: int) -> NDArray[np.int64]:
    """The counts `(K, K)`: rows are true labels, columns what was predicted."""
    cells = labels.astype(np.int64) * classes + predictions
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def precision_recall(
    confusion_matrix: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision `(K,)` and recall `(K,)` of each class; 0 where there is nothing to divide."""
    right = np.diag(confusion_matrix)
    precision = right / np.maximum(confusion_matrix.sum(0), 1)
    recall = right / np.maximum(confusion_matrix.sum(1), 1)
    return precision, recall


def worst_mistakes(probabilities: Probabilities, labels: Labels, count: int) -> NDArray[np.intp]:
    """The indexes of at most `count` mistakes, the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(1), kind="stable")][:count]


def fit_temperature(
    logits: NDArray[np.floating], labels: Labels, weights: NDArray[np.float64] | None = None
) -> float:
    """The temperature T > 0 that minimises the negative log-likelihood of softmax(logits / T).

    `weights` `(N,)` says how much each image counts; without them, all count the same. The loss is
    convex in the inverse temperature (the logits of the label subtract a log-sum-exp of a linear
    function), so its derivative has one zero, which is looked for between 1/20 and 20.
    Source: Guo et al. 2017, section 4.2.
    """
    from scipy.optimize import brentq  # here, for its import takes longer than a reading

    wide = logits.astype(np.float64)
    of_label = wide[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        gaps = (scipy.special.softmax(wide * inverse, axis=1) * wide).sum(1) - of_label
        return float(np.average(gaps, weights=weights))

    low, high = 0.05, 20.0
    if slope(low) >= 0:  # no zero in between: the loss is lowest at an end
        return 1 / low
    if slope(high) <= 0:
        return 1 / high
    return float(1 / brentq(slope, low, high, rtol=1e-12))
