"""How good probabilities are: accuracy and its interval, confusion, calibration, rejection.

Everything here takes `probabilities` `(N, K)`, rows summing to 1, and `labels` `(N,)`, and
knows nothing of what made them. scikit-learn is the reference in the tests.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

Probabilities = NDArray[np.floating]
Labels = NDArray[np.integer]

CALIBRATION_BINS = 15  # as Guo et al. 2017
MIN_PROBABILITY = 1e-12  # keeps the logarithm of a float32 zero finite
TARGET_ACCURACY = 0.999  # of accepted readings, where no other is named
OOD_REJECTED = 0.004  # share of validation's digits that the out-of-distribution score may reject
LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)  # that label sets are fitted to


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


@dataclass(frozen=True)
class Acceptance:
    """When a reading is accepted, as fitted to n validation images."""

    n: int
    min_confidence: float  # of an accepted reading, unless another accuracy is given
    max_ood_score: float  # nats; above it, the image shows no class
    curve: tuple[Point, ...]  # the risk-coverage curve, from the most to the least accepted
    sets: tuple[tuple[float, float], ...]  # (level, lowest probability of a label in the set)

    def threshold(self, min_accuracy: float) -> float | None:
        """The lowest confidence that gives this accuracy on the validation images, or None.

        It is the accuracy that was observed there, not a bound: n images cannot tell 1 - 1 / 2n
        from 1, so that nothing above it can be promised.
        """
        if min_accuracy > 1 - 0.5 / self.n + 1e-12:
            return None
        return next((p.confidence for p in self.curve if p.accuracy >= min_accuracy), None)

    def min_label_probability(self, level: float) -> float | None:
        """From this probability on, a label belongs to the label set of this level.

        That of the next higher level in `sets`; None above the highest.
        """
        return next((lowest for known, lowest in self.sets if known >= level), None)


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
    gaps = (
        some.n * abs(some.accuracy - some.confidence) for some in reliability(probabilities, labels)
    )
    return sum(gaps) / len(labels)


def reliability(probabilities: Probabilities, labels: Labels) -> tuple[Bin, ...]:
    """How right readings are by how sure they are, in equal-width bins of confidence.

    Empty bins are left out. Source: Guo et al. 2017, figure 1.
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bins = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, CALIBRATION_BINS - 1)
    return tuple(
        Bin(int(there.sum()), float(confidence[there].mean()), float(right[there].mean()))
        for there in (bins == number for number in range(CALIBRATION_BINS))
        if there.any()
    )


def fit_acceptance(logits: NDArray[np.floating], labels: Labels, temperature: float) -> Acceptance:
    """When to accept, from the network's own logits `(N, K)` of validation images.

    Source: Geifman & El-Yaniv 2017 (by confidence); Liu et al. 2020 (by the score).
    """
    probabilities = softmax(logits.astype(np.float64) / temperature, axis=1)
    curve = risk_coverage(probabilities, labels)
    enough = [point.confidence for point in curve if point.accuracy >= TARGET_ACCURACY]
    return Acceptance(
        n=len(labels),
        min_confidence=enough[0] if enough else 1.0,
        max_ood_score=float(np.quantile(ood_score(logits), 1 - OOD_REJECTED)),
        curve=curve,
        sets=conformal_sets(probabilities, labels),
    )


def ood_score(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The out-of-distribution score `(N,)` of a network's own logits `(N, K)`, in nats.

    The energy, which is the negative log-sum-exp of the logits: the higher, the less the image
    looks like any class. Of a network trained with outliers it is the log odds that there is
    none. Source: Liu et al. 2020.
    """
    return np.asarray(-logsumexp(logits.astype(np.float64), axis=1))


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


def conformal_sets(probabilities: Probabilities, labels: Labels) -> tuple[tuple[float, float], ...]:
    """For each of LEVELS, the lowest probability of a label that belongs to a label set.

    Such sets hold the true label of at least that share of images like these, whatever the
    network. Source: Vovk et al. 2005; Sadinle, Lei & Wasserman 2019, least ambiguous sets.
    """
    of_label = np.sort(probabilities[np.arange(len(labels)), labels].astype(np.float64))
    ranks = [math.floor((len(labels) + 1) * (1 - level) + 1e-9) for level in LEVELS]
    return tuple(
        (level, float(of_label[rank - 1]))
        for level, rank in zip(LEVELS, ranks, strict=True)
        if rank
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


def fit_temperature(logits: NDArray[np.floating], labels: Labels) -> float:
    """The temperature T > 0 that minimises the negative log-likelihood of softmax(logits / T).

    The loss is convex in the inverse temperature (the logits of the label subtract a
    log-sum-exp of a linear function), so its derivative has one zero, which is looked for between
    1/20 and 20. Source: Guo et al. 2017, section 4.2.
    """
    from scipy.optimize import brentq  # here, for its import takes longer than a reading

    wide = logits.astype(np.float64)
    of_label = wide[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        return float(((softmax(wide * inverse, axis=1) * wide).sum(1) - of_label).mean())

    low, high = 0.05, 20.0
    if slope(low) >= 0:  # no zero in between: the loss is lowest at an end
        return 1 / low
    if slope(high) <= 0:
        return 1 / high
    return float(1 / brentq(slope, low, high, rtol=1e-12))
