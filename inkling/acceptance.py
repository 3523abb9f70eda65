"""Selective prediction: when a reading is accepted, and what is promised of accepted ones.

A reading of an image is accepted if its out-of-distribution score is low and its confidence is
high, that of a number if its confidence is high. The thresholds are fitted to labelled images and
lines of several sources, which all weigh the same: of 17,000 digits of one and 3,000 of another,
neither decides alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import NDArray

from inkling import metrics
from inkling.metrics import Labels, Point, Probabilities

LEVEL = 0.95  # confidence that a promised accuracy holds
TARGET_ACCURACY = 0.998  # promised of accepted readings, where no other is named
TARGET_TEXTS = 0.985  # likewise of numbers, for there are fewer to fit it to
OOD_REJECTED = 0.01  # share of the digits that the out-of-distribution score may reject
LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)  # that label sets are fitted to
MIN_ITEMS = 20  # of a writer, to be among those that are ranked by accuracy

Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled images of one source, as a network reads them."""

    name: str  # as "unipen:dev"
    logits: NDArray[np.floating]  # (N, K), the network's own, not divided by a temperature
    labels: Labels  # (N,)
    writers: NDArray[np.str_] | None = None  # (N,), where they are known


@dataclass(frozen=True, eq=False)
class Texts:
    """Numbers of one source, as a line network reads them."""

    name: str
    confidence: Weights  # (N,) in [0, 1], of each text
    right: NDArray[np.bool_]  # (N,)
    writers: NDArray[np.str_] | None = None  # (N,), where they are known

    @property
    def measures(self) -> metrics.Measures:
        """The figures of a card; the likelihood is that of being right or wrong."""
        sure = np.clip(self.confidence, metrics.MIN_PROBABILITY, 1 - metrics.MIN_PROBABILITY)
        return metrics.Measures(
            n=len(self.right),
            accuracy=float(self.right.mean()),
            interval=metrics.wilson(int(self.right.sum()), len(self.right)),
            negative_log_likelihood=float(-np.log(np.where(self.right, sure, 1 - sure)).mean()),
            calibration_error=metrics.gap(metrics.binned(self.confidence, self.right)),
        )


@dataclass(frozen=True)
class Promise(Point):
    """A point of a risk-coverage curve, with the accuracy that is promised there."""

    guaranteed: float  # the accuracy of accepted readings that holds at LEVEL, in [0, 1]


@dataclass(frozen=True)
class Source:
    """What a bundle does on images of one source, in full and of those that it accepts."""

    name: str
    n: int
    accuracy: float  # in [0, 1]
    interval: tuple[float, float]  # of the accuracy: Wilson, 95 %
    calibration_error: float  # in [0, 1]
    coverage: float  # share that is accepted, in [0, 1]
    accepted_accuracy: float | None  # of the accepted ones; None where nothing is
    accepted_interval: tuple[float, float] | None
    recall: tuple[float, ...]  # (K,) share of each class read right, 1 where it has none; or ()
    writers: int | None = None  # None where they are not known
    worst_writers: float | None = None  # accuracy on the tenth of the writers read worst


@dataclass(frozen=True)
class Acceptance:
    """When a reading is accepted, as fitted to n images."""

    n: int
    min_confidence: float  # of an accepted reading, unless another accuracy is given
    max_ood_score: float | None  # nats; above it, an image shows no class; None of numbers
    curve: tuple[Promise, ...]  # from the most to the least accepted
    sets: tuple[tuple[float, float], ...]  # (level, lowest probability of a label in the set)
    sources: tuple[Source, ...] = ()  # that it was fitted to; none before 0.8.0

    def threshold(self, min_accuracy: float) -> float | None:
        """The lowest confidence from which this accuracy is promised, or None.

        Promised is the accuracy of accepted readings of these sources, all weighing the same, with
        a confidence of LEVEL.
        """
        found = search(self.curve, min_accuracy)
        return found.confidence if found else None

    def min_label_probability(self, level: float) -> float | None:
        """From this probability on, a label belongs to the label set of this level.

        That of the next higher level in `sets`; None above the highest.
        """
        return next((lowest for known, lowest in self.sets if known >= level), None)


def fit(samples: Sequence[Sample], temperature: float) -> Acceptance:
    """When to accept, from a network's own logits of several sources.

    The threshold of the score comes first, then that of the confidence of what it lets pass.
    Source: Geifman & El-Yaniv 2017 (confidence); Liu et al. 2020 (score).
    """
    logits, labels, weights = pooled(samples)
    probabilities = scipy.special.softmax(logits / temperature, axis=1)
    scores = ood_score(logits)
    max_score = quantile(scores, weights, 1 - OOD_REJECTED)
    right = probabilities.argmax(1) == labels
    curve = selective_curve(probabilities.max(1), right, weights, scores <= max_score)
    chosen = search(curve, TARGET_ACCURACY) or max(curve, key=lambda point: point.guaranteed)
    found = Acceptance(
        n=len(labels),
        min_confidence=chosen.confidence,
        max_ood_score=max_score,
        curve=curve,
        sets=conformal_sets(probabilities, labels, weights),
    )
    sources = tuple(
        measure(
            sample.name,
            scipy.special.softmax(sample.logits.astype(np.float64) / temperature, axis=1),
            accepts(found, sample.logits, temperature),
            sample.labels,
            sample.writers,
        )
        for sample in samples
    )
    return replace(found, sources=sources)


def fit_texts(samples: Sequence[Texts]) -> Acceptance:
    """When to accept a number: from one confidence on, whatever it says."""
    confidence = np.concatenate([sample.confidence for sample in samples])
    right = np.concatenate([sample.right for sample in samples])
    weights = balanced([len(sample.right) for sample in samples])
    curve = selective_curve(confidence, right, weights, np.ones(len(right), bool))
    chosen = search(curve, TARGET_TEXTS) or max(curve, key=lambda point: point.guaranteed)
    sources = tuple(
        measure_texts(sample, sample.confidence >= chosen.confidence) for sample in samples
    )
    return Acceptance(len(right), chosen.confidence, None, curve, (), sources)


def pooled(samples: Sequence[Sample]) -> tuple[NDArray[np.float64], Labels, Weights]:
    """The logits `(N, K)` and labels `(N,)` of all samples, one after the other; see `balanced`."""
    logits = np.concatenate([sample.logits for sample in samples]).astype(np.float64)
    labels = np.concatenate([sample.labels for sample in samples])
    return logits, labels, balanced([len(sample.labels) for sample in samples])


def balanced(sizes: Sequence[int]) -> Weights:
    """The weights `(N,)` of pooled samples of these sizes, such that all samples weigh the same.

    They sum to 1.
    """
    return np.concatenate([np.full(size, 1 / (size * len(sizes))) for size in sizes])


def accepts(
    acceptance: Acceptance, logits: NDArray[np.floating], temperature: float
) -> NDArray[np.bool_]:
    """Which readings `(N,)` are accepted, by a network's own logits `(N, K)`."""
    confidence = scipy.special.softmax(logits.astype(np.float64) / temperature, axis=1).max(1)
    certain = confidence >= acceptance.min_confidence
    return np.asarray(certain & (ood_score(logits) <= highest_score(acceptance)))


def measure(
    name: str,
    probabilities: Probabilities,
    accepted: NDArray[np.bool_],
    labels: Labels,
    writers: NDArray[np.str_] | None = None,
) -> Source:
    """The figures of one source, from probabilities `(N, K)` and what is accepted `(N,)`."""
    right = probabilities.argmax(1) == labels
    classes = range(probabilities.shape[1])
    recall = [float(right[labels == c].mean()) if c in labels else 1.0 for c in classes]
    read = Texts(name, probabilities.max(1).astype(np.float64), right, writers)
    return replace(measure_texts(read, accepted), recall=tuple(recall))


def measure_texts(texts: Texts, accepted: NDArray[np.bool_]) -> Source:
    """The figures of the numbers of one source, of which some are accepted `(N,)`."""
    right, writers = texts.right, texts.writers
    total, n, correct = len(right), int(accepted.sum()), int(right[accepted].sum())
    return Source(
        name=texts.name,
        n=total,
        accuracy=float(right.mean()),
        interval=metrics.wilson(int(right.sum()), total),
        calibration_error=metrics.gap(metrics.binned(texts.confidence, right)),
        coverage=n / total,
        accepted_accuracy=correct / n if n else None,
        accepted_interval=metrics.wilson(correct, n) if n else None,
        recall=(),
        writers=None if writers is None else len(np.unique(writers)),
        worst_writers=None if writers is None else worst_writers(right, writers),
    )


def worst_writers(right: NDArray[np.bool_], writers: NDArray[np.str_]) -> float | None:
    """The accuracy on the tenth of the writers that are read worst; None where none wrote enough.

    Only writers of MIN_ITEMS count, since chance decides how the others are read.
    """
    _, index, counts = np.unique(writers, return_inverse=True, return_counts=True)
    accuracies = np.bincount(index, right) / counts
    ranked = np.sort(accuracies[counts >= MIN_ITEMS])
    return float(ranked[: math.ceil(len(ranked) / 10)].mean()) if len(ranked) else None


def highest_score(acceptance: Acceptance) -> float:
    """The out-of-distribution score, in nats, up to which an image may be accepted."""
    return math.inf if acceptance.max_ood_score is None else acceptance.max_ood_score


def ood_score(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """The out-of-distribution score `(N,)` of a network's own logits `(N, K)`, in nats.

    The energy, which is the negative log-sum-exp of the logits: the higher, the less the image
    looks like any class. Of a network trained with outliers it is the log odds that there is
    none. Source: Liu et al. 2020.
    """
    return np.asarray(-scipy.special.logsumexp(logits.astype(np.float64), axis=1))


def selective_curve(
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
    weights: Weights,
    passing: NDArray[np.bool_],
) -> tuple[Promise, ...]:
    """Coverage, accuracy and promised accuracy, from everything accepted to nothing wrong accepted.

    One point a mistake: each rejects just one mistake more than the one before it. All arguments
    are `(N,)`; `passing` says what the score lets pass, and the rest is never accepted. The promise
    is the Clopper-Pearson bound. Weighted images count as the effective number of unweighted ones
    (Kish 1965; Korn & Graubard 1998), and the risk is divided over the steps of `search` (Geifman &
    El-Yaniv 2017, algorithm 1).
    """
    from scipy.stats import beta  # here, for its import takes longer than a reading

    confidence = confidence.astype(np.float64)
    order = np.flatnonzero(passing)[np.argsort(confidence[passing], kind="stable")]
    ranked, share = confidence[order], weights[order]
    wrong = ~right[order]
    firsts = {0, *np.searchsorted(ranked, ranked[wrong], "right").tolist()}
    starts = np.array(sorted(first for first in firsts if first < len(ranked)), np.intp)
    if not len(starts):
        return ()

    def from_each(values: Weights) -> Weights:
        """The sum of values from each start on."""
        return np.asarray(values[::-1].cumsum()[::-1][starts])

    kept = from_each(share)
    effective = kept**2 / from_each(share**2)
    errors = effective * from_each(share * wrong) / kept
    risk = (1 - LEVEL) / (math.ceil(math.log2(len(starts))) + 1)  # of each step of `search`
    guaranteed = 1 - beta.ppf(1 - risk, errors + 1, np.maximum(effective - errors, 1e-9))
    rows = np.stack(
        [ranked[starts], kept / weights.sum(), 1 - errors / effective, guaranteed], axis=1
    )
    return tuple(Promise(*row) for row in rows.tolist())


def search(curve: Sequence[Promise], min_accuracy: float) -> Promise | None:
    """The point of a curve with the most coverage that promises an accuracy, or None.

    A binary search, for the promise mostly grows as less is accepted; where that finds none, it is
    the point that promises most.
    """
    low, high = 0, len(curve) - 1
    found = None
    while low <= high:
        middle = (low + high) // 2
        if curve[middle].guaranteed >= min_accuracy:
            found, high = curve[middle], middle - 1
        else:
            low = middle + 1
    if found is None and curve:
        most = max(curve, key=lambda point: point.guaranteed)
        found = most if most.guaranteed >= min_accuracy else None
    return found


def conformal_sets(
    probabilities: Probabilities, labels: Labels, weights: Weights
) -> tuple[tuple[float, float], ...]:
    """For each of LEVELS, the lowest probability of a label that belongs to a label set.

    Such sets hold the true label of at least that share of images like these, by weight, whatever
    the network. Source: Vovk et al. 2005; Sadinle, Lei & Wasserman 2019, least ambiguous sets;
    Tibshirani et al. 2019, with weights.
    """
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    order = np.argsort(of_label)
    below = np.cumsum(weights[order]) / (weights.sum() + weights.max())  # one image more, unseen
    first = (below > 1 - np.array(LEVELS)[:, None] + 1e-12).argmax(1)
    return tuple(
        (level, float(of_label[order[beyond - 1]]))
        for level, beyond in zip(LEVELS, first, strict=True)
        if below[0] <= 1 - level + 1e-12
    )


def quantile(values: NDArray[np.float64], weights: Weights, share: float) -> float:
    """The smallest value such that at least this share of the weight is not above it."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    at = int(np.searchsorted(reached, share - 1e-12))
    return float(values[order[min(at, len(values) - 1)]])
