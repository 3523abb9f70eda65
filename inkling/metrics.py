"""How good probabilities are: accuracy and its interval, confusion, calibration, rejection.

Everything here takes `probabilities` `(N, K)`, rows summing to 1, and `labels` `(N,)`, and
knows nothing of what made them. NumPy only; scikit-learn is the reference in the tests.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating]
Labels = NDArray[np.integer]

CALIBRATION_BINS = 15  # as Guo et al. 2017
LEAST_PROBABILITY = 1e-12  # keeps the logarithm of a float32 zero finite
SURE_ENOUGH = 0.999  # share of what is accepted that is to be right, unless asked otherwise
REFUSED = 0.004  # share of validation's digits that may be refused for the sake of what is none
LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)  # that label sets are fitted to
Z_95 = 1.959963984540054  # the normal quantile of a two-sided 95 % interval


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
    """Readings about as sure as one another."""

    n: int
    confidence: float  # mean, in [0, 1]
    accuracy: float  # share that is right, in [0, 1]


@dataclass(frozen=True)
class Point:
    """What comes of accepting readings of at least so much confidence."""

    confidence: float  # in [0, 1], of the least that is accepted
    coverage: float  # share of all that is accepted, in [0, 1]
    accuracy: float  # share of what is accepted that is right, in [0, 1]


@dataclass(frozen=True)
class Acceptance:
    """When a reading is to be believed, as validation images say: n of them."""

    n: int
    confidence: float  # from which a reading is accepted, unless asked otherwise
    evidence: float  # from which there seems to be a digit at all, in nats
    curve: tuple[Point, ...]  # the risk-coverage curve, from the most to the least accepted
    sets: tuple[tuple[float, float], ...]  # (level, least probability of a label in the set)

    def threshold(self, min_accuracy: float) -> float | None:
        """The least confidence to accept for so much accuracy, as observed; None above what n tell.

        The accuracy of a point is that of the validation images, not a bound: n of them cannot
        tell 1 - 1 / 2n from 1.
        """
        if min_accuracy > 1 - 0.5 / self.n + 1e-12:
            return None
        return next((p.confidence for p in self.curve if p.accuracy >= min_accuracy), None)

    def least_probability(self, level: float) -> float | None:
        """From which on a label belongs to the set that holds the true one in `level` of cases.

        Of the next higher level there is; None above the highest.
        """
        return next((least for known, least in self.sets if known >= level), None)


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


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share `right / n`, n > 0. Source: Wilson 1927."""
    centre = right + Z_95**2 / 2
    spread = Z_95 * math.sqrt(right * (n - right) / n + Z_95**2 / 4)
    return max(0.0, (centre - spread) / (n + Z_95**2)), min(1.0, (centre + spread) / (n + Z_95**2))


def negative_log_likelihood(probabilities: Probabilities, labels: Labels) -> float:
    """The mean of -log p(label), in nats."""
    likelihood = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(likelihood, LEAST_PROBABILITY)).mean())


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

    Source: Geifman & El-Yaniv 2017 (by confidence); Liu et al. 2020 (by evidence).
    """
    probabilities = softmax(logits / temperature)
    curve = risk_coverage(probabilities, labels)
    sure = [point.confidence for point in curve if point.accuracy >= SURE_ENOUGH]
    return Acceptance(
        n=len(labels),
        confidence=sure[0] if sure else 1.0,
        evidence=float(np.quantile(evidence(logits), REFUSED)),
        curve=curve,
        sets=conformal_sets(probabilities, labels),
    )


def evidence(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much speaks for any class `(N,)`, in nats, by a network's own logits `(N, K)`.

    Their log-sum-exp, the negative of what is called energy; of a network that has learnt
    outliers, the log odds that there is a class. Source: Liu et al. 2020.
    """
    most = logits.max(1)
    powers = np.exp(logits.astype(np.float64) - most[:, None])
    return np.asarray(most + np.log(powers.sum(1)))


def risk_coverage(probabilities: Probabilities, labels: Labels) -> tuple[Point, ...]:
    """Coverage and accuracy, from everything accepted to nothing wrong accepted.

    One point a mistake: each just refuses one mistake more than the one before it.
    """
    confidence = probabilities.max(1).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    wrong = (probabilities.argmax(1) != labels)[order]
    ranked = confidence[order]
    refused = [0, *np.searchsorted(ranked, ranked[wrong], "right")]
    return tuple(
        Point(float(ranked[first]), 1 - first / len(ranked), float((~wrong[first:]).mean()))
        for first in sorted(set(refused))
        if first < len(ranked)
    )


def conformal_sets(probabilities: Probabilities, labels: Labels) -> tuple[tuple[float, float], ...]:
    """For each of LEVELS, the least probability a label needs to belong to the set of an answer.

    Such sets hold the true label in at least that share of cases like these, whatever the
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


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities `(N, K)` of logits `(N, K)`."""
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def fit_temperature(logits: NDArray[np.floating], labels: Labels) -> float:
    """The temperature T > 0 that minimises the negative log-likelihood of softmax(logits / T).

    The loss is convex in the inverse temperature (the logits of the label subtract a
    log-sum-exp of a linear function), so its derivative has one zero; bisection finds it
    between 1/20 and 20. Source: Guo et al. 2017, section 4.2.
    """
    wide = logits.astype(np.float64)
    of_label = wide[np.arange(len(labels)), labels]
    low, high = 0.05, 20.0  # of the inverse temperature
    for _ in range(60):
        inverse = math.sqrt(low * high)
        slope = ((softmax(wide * inverse) * wide).sum(1) - of_label).mean()
        low, high = (inverse, high) if slope < 0 else (low, inverse)
    return 1 / math.sqrt(low * high)
