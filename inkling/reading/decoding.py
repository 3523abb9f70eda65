"""What the columns of a line say becomes text: decoding of a network trained by CTC.

A network gives for each column of a line the log-probabilities of a blank and of K characters:
`log_probs (T, 1 + K)`, natural logarithms, class 0 = blank, class 1 + i = `characters[i]`. A path
names one class for each column. Its text is what remains when repeats are merged and blanks are
removed, and a text is as probable as all its paths together (Graves et al. 2006).

The forward and backward variables run over the states of a text: blank, first character, blank,
..., last character, blank. A character that is not in `characters` is a ValueError.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

WIDTH = 16  # prefixes kept at a column
FAINT = 1e-4  # share of the likeliest prefix's probability from which another is kept
MAX_CANDIDATES = 10
MAX_ALTERNATIVES = 5


@dataclass(frozen=True)
class Candidate:
    """A text that a line may hold."""

    text: str
    probability: float  # of all its paths, in [0, 1]


def search(
    log_probs: NDArray[np.float32],
    characters: Sequence[str],
    accepts: Callable[[str], bool] | None = None,
    may_begin: Callable[[str], bool] | None = None,
    width: int = WIDTH,
) -> list[Candidate]:
    """The likeliest texts of a line, the best first, at most MAX_CANDIDATES.

    `accepts` says which texts count, `may_begin` which prefixes can still become one of them.
    There is no candidate where the search finds none that counts. The probabilities are exact,
    and as they were without `accepts`. Source: prefix beam search, Hannun et al. 2014.
    """
    viable = cache(may_begin or (lambda _: True))
    beam = {"": (1.0, 0.0)}
    for blank, seen in _columns(log_probs, characters):
        beam = _cut(_extended(beam, blank, seen, viable), width)
    ranked = sorted(beam, key=lambda text: -sum(beam[text]))
    texts = list(islice(filter(accepts or (lambda _: True), ranked), MAX_CANDIDATES))
    likelihoods = _log_likelihoods(log_probs, texts, characters)
    probabilities = np.exp(np.minimum(likelihoods, 0)).tolist()  # float32 sums to 1 + 1e-7
    found = [Candidate(*pair) for pair in zip(texts, probabilities, strict=True)]
    return sorted(found, key=lambda candidate: -candidate.probability)


def probability(log_probs: NDArray[np.float32], text: str, characters: Sequence[str]) -> float:
    """The log-likelihood of a text: of all its paths; -inf if the line is too short for it."""
    return float(_log_likelihoods(log_probs, [text], characters)[0])


def align(
    log_probs: NDArray[np.float32], text: str, characters: Sequence[str]
) -> list[tuple[int, int]]:
    """The columns (first, beyond) of each character on the likeliest path of a text.

    Raises ValueError if the text has no path: it needs more columns than there are.
    """
    labels = _labels([text], characters)
    best = _forward(log_probs, labels, np.maximum)[:, 0]
    state = 2 + 2 * len(text)  # two columns of `best` stand before the states
    state -= bool(best[-1, state - 1] > best[-1, state])
    if best[-1, state] == -np.inf:
        raise ValueError(f"Expected a text that {len(log_probs)} columns can hold, got {text!r}")
    jumps = _jumps(labels)[0]
    spans = [[0, 0] for _ in text]
    for column in range(len(log_probs) - 1, -1, -1):
        if state % 2:
            span = spans[(state - 3) // 2]
            span[0], span[1] = column, span[1] or column + 1
        before = best[column, state - 2 : state + 1] + (jumps[state - 2], 0, 0)
        state -= int(np.argmax(before[::-1]))
    return [(first, beyond) for first, beyond in spans]


def alternatives(
    log_probs: NDArray[np.float32],
    text: str,
    characters: Sequence[str],
    limit: int = MAX_ALTERNATIVES,
) -> list[list[tuple[str, float]]]:
    """For each character of a text, itself and what else may stand there: (text, probability).

    The variants of a place are the text with any one character there, or none (""). They are
    exact, their probabilities sum to 1, and at most `limit` of them follow the character itself,
    the likeliest first. Raises ValueError as `align` does.
    """
    if not text:
        return []
    labels = _labels([text], characters)
    scores = _variants(log_probs, labels)
    own = labels[0]
    if scores[0, own[0]] == -np.inf:
        raise ValueError(f"Expected a text that {len(log_probs)} columns can hold, got {text!r}")
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    order = np.argsort(-shares, axis=1, kind="stable")
    texts = ["", *characters]
    return [
        [(texts[i], float(row[i])) for i in [label, *ranks[ranks != label][:limit]]]
        for row, ranks, label in zip(shares, order, own, strict=True)
    ]


def _columns(
    log_probs: NDArray[np.float32], characters: Sequence[str]
) -> Iterator[tuple[float, list[tuple[str, float]]]]:
    """The probability of a blank and of characters, the likeliest first, column by column.

    Characters that are faint beside the blank are left out. Of blank columns in a row, the first
    alone is given: the others change no order.
    """
    probabilities = np.exp(log_probs, dtype=np.float64)
    blanks, others = probabilities[:, 0], probabilities[:, 1:]
    order = np.argsort(-others, 1)
    counts = (others > FAINT * blanks[:, None]).sum(1)
    busy = counts > 0
    for column in np.flatnonzero(busy | np.append(True, busy[:-1])):
        row = others[column].tolist()
        seen = order[column, : counts[column]].tolist()
        yield float(blanks[column]), [(characters[i], row[i]) for i in seen]


def _extended(
    beam: dict[str, tuple[float, float]],
    blank: float,
    seen: list[tuple[str, float]],
    viable: Callable[[str], bool],
) -> dict[str, list[float]]:
    """The prefixes after one more column, each with the probabilities of its two kinds of path.

    The first kind ends in a blank, the second in the prefix's last character. Only after a blank,
    the same character again is a new one. Both `beam` and `seen` have the likeliest first.
    """
    after: dict[str, list[float]] = {}
    best = 0.0
    for text, (apart, touching) in beam.items():
        total, last = apart + touching, text[-1:]
        same = after.setdefault(text, [0.0, 0.0])
        same[0] += total * blank
        best = max(best, total * blank)
        for character, p in seen:
            if total * p <= FAINT * best:
                break
            start = total
            if character == last:
                same[1] += touching * p
                start = apart
            longer = text + character
            if start * p > FAINT * best and viable(longer):
                after.setdefault(longer, [0.0, 0.0])[1] += start * p
                best = max(best, start * p)
    return after


def _cut(after: dict[str, list[float]], width: int) -> dict[str, tuple[float, float]]:
    """The `width` best prefixes that are not too faint, scaled so that the best has 1."""
    totals = {text: apart + touching for text, (apart, touching) in after.items()}
    best = max(totals.values(), default=0.0)
    kept = [text for text, total in totals.items() if total > FAINT * best]
    kept.sort(key=totals.__getitem__, reverse=True)
    return {text: (after[text][0] / best, after[text][1] / best) for text in kept[:width]}


def _labels(texts: Sequence[str], characters: Sequence[str]) -> Labels:
    """The classes of texts `(N, L)`, filled up with blanks behind the shorter ones."""
    labels = np.zeros((len(texts), max(map(len, texts), default=0)), np.intp)
    for row, text in zip(labels, texts, strict=True):
        row[: len(text)] = [1 + characters.index(character) for character in text]
    return labels


def _jumps(labels: Labels) -> Floats:
    """0 for each state `(N, S)` that may follow the one before its previous one, else -inf.

    A path may leave out a blank, unless it stands between two of the same character.
    """
    jumps = np.full((len(labels), 2 * labels.shape[1] + 1), -np.inf)
    jumps[:, 3::2] = np.where(labels[:, 1:] == labels[:, :-1], -np.inf, 0)
    return jumps


def _forward(
    log_probs: NDArray[np.floating], labels: Labels, join: np.ufunc = np.logaddexp
) -> Floats:
    """The log-probability that n columns end in a state of a text `(1 + T, N, 2 + S)`.

    Two impossible states stand before the S = 2L + 1 of each text `(N, L)`, so that each has two
    predecessors. With n = 0, a path stands in the first blank. With `np.maximum` as `join`, the
    best path alone counts.
    """
    count, length = labels.shape
    states = np.zeros((count, 2 * length + 1), np.intp)
    states[:, 1::2] = labels
    emitted = log_probs.astype(np.float64)[:, states]
    jumps = _jumps(labels)
    forward = np.full((1 + len(log_probs), count, 3 + 2 * length), -np.inf)
    forward[0, :, 2] = 0
    for before, after, column in zip(forward, forward[1:], emitted, strict=False):
        reached = join(before[:, 2:], before[:, 1:-1])
        after[:, 2:] = join(reached, before[:, :-2] + jumps) + column
    return forward


def _log_likelihoods(
    log_probs: NDArray[np.float32], texts: Sequence[str], characters: Sequence[str]
) -> Floats:
    """The log-probability of each text `(N,)`."""
    last = _forward(log_probs, _labels(texts, characters))[-1]
    ends = 2 + 2 * np.array([len(text) for text in texts], np.intp)
    rows = np.arange(len(texts))
    return np.asarray(np.logaddexp(last[rows, ends], last[rows, ends - 1]))


def _variants(log_probs: NDArray[np.float32], labels: Labels) -> Floats:
    """The log-likelihood of a text `(1, L)` with another class at one place `(L, 1 + K)`.

    Class 0 leaves the place out. What comes before and behind the place is the same for all
    classes, so their paths differ in the columns of the place alone.
    """
    own = labels[0]
    before = _forward(log_probs, labels)[:, 0]  # n columns end in a state
    behind = _forward(log_probs[::-1], labels[:, ::-1])[::-1, 0, ::-1]  # column n begins in it
    gap_before, last = before[:, 2:-1:2], before[:, 1:-2:2]  # (1 + T, L): a blank, a character
    gap_behind, next_ = behind[:, 2:-2:2], behind[:, 3:-1:2]
    classes = np.arange(1, log_probs.shape[1])
    enter = _unless_same(gap_before, last, np.append(0, own[:-1])[:, None] == classes)
    leave = _unless_same(gap_behind, next_, np.append(own[1:], 0)[:, None] == classes)
    there = np.full_like(enter, -np.inf)  # n columns end in the class at the place
    for earlier, entering, column, now in zip(there, enter, log_probs, there[1:], strict=False):
        now[:] = np.logaddexp(earlier, entering) + column[1:]
    scores = np.logaddexp.reduce(there + leave, 0)

    follows = next_.copy()
    follows[-1, -1] = 0  # the end of the line
    repeated = np.append(0, own[:-1]) == np.append(own[1:], 0)
    joined = _unless_same(gap_before, last, repeated[:, None])[..., 0]
    return np.column_stack([np.logaddexp.reduce(joined + follows, 0), scores])


def _unless_same(gap: Floats, character: Floats, same: NDArray[np.bool_]) -> Floats:
    """Paths `(1 + T, L, K)` from a blank or a character `(1 + T, L)` to another one.

    Where both characters are the `same` `(L, K)`, there must be a blank.
    """
    return np.where(same, gap[..., None], np.logaddexp(gap, character)[..., None])
