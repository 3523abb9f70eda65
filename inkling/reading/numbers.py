"""Reads lines: a number's characters, how sure each is, and what else it could be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inkling.ink.lines import Line
from inkling.plots import html
from inkling.reading import bundle, decoding
from inkling.reading.decoding import Candidate
from inkling.reading.formats import UNKNOWN, Constraints
from inkling.reading.session import COLUMN, EngineName, LineSession

ANYTHING = Constraints()
SAID = {True: "accepted", False: "not accepted", None: "accepted or not, it cannot say"}
MIN_FITTING = 0.1  # probability of all texts that fit constraints, below which these are doubted
INKED = 0.3  # of full ink, of a pixel that belongs to a character's box
Box = tuple[float, float, float, float]  # left, top, right, bottom, as the source counts


@dataclass(frozen=True)
class Part:
    """A character of a number."""

    text: str
    confidence: float  # in [0, 1], that it is this one, where the others are as read
    box: Box
    alternatives: tuple[tuple[str, float], ...]  # what else, the likeliest first; "" is nothing


@dataclass(frozen=True)
class Number:
    """What the Reader says of a line.

    >>> number = inkling.Reader.load().read_number("7.png")
    >>> number
    Number('7', ...%, accepted)
    >>> [part.text for part in number.parts]
    ['7']
    """

    text: str  # as "-12.5"; "?" stands for ink that is no character of a number
    confidence: float  # in [0, 1], that all of it is right
    accepted: bool | None  # None if the bundle cannot say
    parts: tuple[Part, ...]  # from left to right
    alternatives: tuple[tuple[str, float], ...]  # other texts, the likeliest first
    box: Box

    def __repr__(self) -> str:
        return f"Number({self.text!r}, {self.confidence:.1%}, {SAID[self.accepted]})"

    def _repr_html_(self) -> str:
        """Each character with what else it may be, and other texts."""
        rows = [
            [part.text, f"{part.confidence:.1%}", _listed(part.alternatives)] for part in self.parts
        ]
        return html.panel(
            f"{self.text} ({self.confidence:.1%})",
            html.line(SAID[self.accepted], faint=True),
            html.table(["character", "sure", "or"], rows),
            html.line(f"or {_listed(self.alternatives)}") if self.alternatives else "",
        )


class LineReader:
    """Reads with a bundle that reads lines. Safe to share between threads."""

    def __init__(self, card: bundle.Card, session: LineSession) -> None:
        self.card = card
        self.session = session
        self.characters: str = "".join(card.classes)

    @classmethod
    def load(
        cls, path: Path = bundle.NUMBERS, threads: int = 1, engine: EngineName | None = None
    ) -> Self:
        """The reader of a bundle's folder, by an engine as of `Reader.load`. Raises BundleError."""
        card, model = bundle.read(path, "lines")
        return cls(card, LineSession(model, len(card.classes), threads, engine))

    def read(
        self, line: Line, threshold: float | None, constraints: Constraints = ANYTHING
    ) -> Number:
        """Read one line; from the `threshold` of confidence on it is accepted."""
        scores = self.session.log_probabilities(line.image)
        found = candidates(scores, self.characters, constraints)
        best = found[0] if found else Candidate("", 0.0)
        shares = decoding.alternatives(scores, best.text, self.characters)
        boxes = _boxes(line, decoding.align(scores, best.text, self.characters))
        parts = tuple(
            Part(
                text=text,
                confidence=dict(share).get(text, 0.0),
                box=box,
                alternatives=tuple(other for other in share if other[0] != text),
            )
            for text, share, box in zip(best.text, shares, boxes, strict=True)
        )
        sure = threshold is not None and best.probability >= threshold
        return Number(
            text=best.text,
            confidence=best.probability,
            accepted=None if threshold is None else sure and is_number(best.text),
            parts=parts,
            alternatives=tuple((other.text, other.probability) for other in found[1:]),
            box=_box(line, 0, line.image.shape[2]),
        )

    def threshold(self, min_accuracy: float | None = None) -> float | None:
        """The confidence from which numbers are accepted; None if the bundle cannot say.

        No number reaches it where that accuracy cannot be promised.
        """
        acceptance = self.card.acceptance
        if acceptance is None or min_accuracy is None:
            return acceptance.min_confidence if acceptance else None
        found = acceptance.threshold(min_accuracy)
        return math.inf if found is None else found


def _listed(alternatives: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{text or 'nothing'} ({share:.1%})" for text, share in alternatives)


def candidates(
    scores: NDArray[np.float32], characters: str, constraints: Constraints = ANYTHING
) -> list[Candidate]:
    """The texts that a line may hold, the likeliest first, from its log-probabilities.

    Where constraints leave out texts, the others share their probability: it is given that one of
    them is written. Not that of texts with UNKNOWN, for what is no number keeps to no format. And
    where next to nothing fits, the constraints are in doubt, and so is the text.
    """
    found = decoding.search(scores, characters)
    if not constraints:
        return found
    foreign = math.fsum(other.probability for other in found if UNKNOWN in other.text)
    kept = decoding.search(scores, characters, constraints.accepts, constraints.may_begin)
    whole = max(math.fsum(one.probability for one in kept) + foreign, MIN_FITTING)
    return [Candidate(one.text, one.probability / whole) for one in kept]


def read_text(session: LineSession, line: NDArray[np.float32], characters: str) -> Candidate:
    """The likeliest text of a line `(1, 32, W)`, and its probability."""
    found = candidates(session.log_probabilities(line), characters)
    return found[0] if found else Candidate("", 0.0)


def is_number(text: str) -> bool:
    """Whether a text can be a number: it has a digit, and nothing unknown."""
    return UNKNOWN not in text and any(character.isdigit() for character in text)


def _boxes(line: Line, places: Sequence[tuple[int, int]]) -> list[Box]:
    """The box of each character, from the columns in which the network saw it.

    A network sees a character in few of its columns. Between two of them, the line is divided
    where the least ink is.
    """
    ink = (line.image[0] > INKED).sum(0)
    middles = [round((first + beyond) / 2 * COLUMN) for first, beyond in places]
    cuts = [_cut(ink, left, right) for left, right in pairwise(middles)]
    return [_box(line, *ends) for ends in pairwise([0, *cuts, len(ink)])] if places else []


def _cut(ink: NDArray[np.integer], left: int, right: int) -> int:
    """The column with the least ink between two, of several the one nearest to their middle."""
    between = ink[left : right + 1]
    least = left + np.flatnonzero(between == between.min(initial=len(ink)))
    middle = (left + right) / 2
    return int(least[np.abs(least - middle).argmin()]) if len(least) else left


def _box(line: Line, start: int, end: int) -> Box:
    """The box of the ink between two columns of a line, as the source counts."""
    inked = line.image[0, :, start:end] > INKED
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not len(rows):  # only faint ink
        rows, columns = np.arange(line.image.shape[1]), np.arange(max(end - start, 1))
    (x, y), scale = line.corner, line.scale
    return (
        (start + int(columns[0])) / scale + x,
        int(rows[0]) / scale + y,
        (start + int(columns[-1]) + 1) / scale + x,
        (int(rows[-1]) + 1) / scale + y,
    )
