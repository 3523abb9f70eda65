"""Reader: a bundle reads drawings and pictures, by ONNX Runtime alone.

>>> from inkling import Reader
>>> reading = Reader.load().read("digit.png")
>>> reading.label, reading.confidence, reading.accepted
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling import ink
from inkling.acceptance import Acceptance, highest_score
from inkling.errors import InklingError
from inkling.ink import lines
from inkling.ink.lines import Line
from inkling.reading import bundle
from inkling.reading.formats import Constraints
from inkling.reading.numbers import ANYTHING, Box, LineReader, Number
from inkling.reading.session import Outputs, Session

SET_LEVEL = 0.999  # share of images whose label set holds the true label
DOUBTFUL_SCORE = -2.5  # nats: ink of this ood_score is as likely a digit as not
MIN_LIKELY = 0.9  # confidence of a number, from which on it is no single digit
PATCH, STRIDE = 6, 3  # pixels: what an explanation blanks at a time, and its steps


@dataclass(frozen=True)
class Reading:
    """What the Reader says of one drawing or picture."""

    label: int  # the index of the likeliest class
    name: str  # of that class
    confidence: float  # its probability, calibrated
    probabilities: NDArray[np.float32]  # (K,), sum 1
    ood_score: float  # out-of-distribution score, in nats: above 0 for what shows no class
    accepted: bool | None  # None if the bundle cannot say
    labels: tuple[int, ...] | None  # the label set of SET_LEVEL, the likeliest first; None likewise
    image: NDArray[np.float32]  # (1, 28, 28) in [0, 1]: what the network saw

    @property
    def second(self) -> int:
        """The index of the second likeliest class."""
        return int(np.argsort(-self.probabilities, kind="stable")[1])


class Reader:
    """Reads with one bundle. Safe to share between threads."""

    def __init__(self, card: bundle.Card, session: Session) -> None:
        self.card = card
        self.session = session

    @cached_property
    def lines(self) -> LineReader:
        """What reads numbers: the bundle that ships, loaded when it is first needed."""
        return LineReader.load()

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, threads: int = 1) -> "Reader":
        """The Reader of a bundle's folder; without a path, of the bundle that ships.

        One thread reads one image fastest; give more for large batches. Raises BundleError.
        """
        card, model = bundle.read(bundle.PRETRAINED if path is None else Path(path))
        return cls(card, Session(model, len(card.classes), threads, card.temperature))

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities `(N, K)` of images `(N, 1, 28, 28)` in [0, 1], ink = 1 on 0."""
        return self.session.run(images).probabilities

    def read(self, source: ink.Source, min_accuracy: float | None = None) -> Reading:
        """Read one picture or drawing: anything that `ink.to_image` takes.

        `min_accuracy`, below 1, is the share of accepted readings that is to be correct; without
        it, the card's own threshold decides. Raises NothingDrawn if there is no ink, InkError if
        it cannot be decoded, InklingError if the bundle cannot promise that accuracy.
        """
        return self.read_many([source], min_accuracy)[0]

    def read_many(
        self, sources: Iterable[ink.Source], min_accuracy: float | None = None
    ) -> list[Reading]:
        """Read several in one batch; raises as `read` does, for the first that fails."""
        images = [ink.to_image(source, self.card.frame) for source in sources]
        return self.read_images(np.stack(images), min_accuracy) if images else []

    def read_images(
        self, images: NDArray[np.float32], min_accuracy: float | None = None
    ) -> list[Reading]:
        """Read images `(N, 1, 28, 28)` in [0, 1], ink = 1 on 0; `min_accuracy` as in `read`."""
        acceptance, outputs = self.card.acceptance, self.session.run(images)
        lowest = acceptance.min_label_probability(SET_LEVEL) if acceptance else None
        accepted = self.accepted(outputs, min_accuracy)
        found = []
        for row, score, image, is_accepted in zip(*outputs, images, accepted, strict=True):
            label = int(row.argmax())
            reading = Reading(
                label=label,
                name=self.card.classes[label],
                confidence=float(row[label]),
                probabilities=row,
                ood_score=float(score),
                accepted=is_accepted,
                labels=None if lowest is None else _label_set(row, lowest),
                image=image,
            )
            found.append(reading)
        return found

    def read_number(
        self,
        source: ink.Source,
        min_accuracy: float | None = None,
        constraints: Constraints = ANYTHING,
    ) -> Number:
        """Read one line: digits, and the signs of a number.

        `min_accuracy` is the share of accepted numbers that is to be right; where the bundle cannot
        promise it, the number is not accepted. `constraints` says which texts can be written. Of
        several rows it is the largest, and not accepted. Errors as of `read`.
        """
        found = self.read_lines(source, min_accuracy, constraints)
        if len(found) == 1:
            return found[0]
        largest = max(found, key=lambda number: _area(number.box))
        return replace(largest, accepted=None if largest.accepted is None else False)

    def read_lines(
        self,
        source: ink.Source,
        min_accuracy: float | None = None,
        constraints: Constraints = ANYTHING,
    ) -> tuple[Number, ...]:
        """Read every row, from top to bottom; arguments and errors as of `read_number`."""
        if self.card.frame != "digit":
            raise InklingError(
                f"Expected a bundle that reads digits, got one of {self.card.dataset}",
                "Name another with --bundle",
            )
        return self._numbers(lines.of(source), min_accuracy, constraints)

    def _numbers(
        self, rows: Sequence[Line], min_accuracy: float | None, constraints: Constraints
    ) -> tuple[Number, ...]:
        threshold = self.lines.threshold(min_accuracy)
        return tuple(self.lines.read(row, threshold, constraints) for row in rows)

    def explain(self, reading: Reading) -> NDArray[np.float32]:
        """What each pixel's ink did for a reading's label `(28, 28)`, in nats.

        Above 0, the ink spoke for the label; below, against it; 0 where there is no ink. Patch
        after patch of the image is blanked, all in one batch; a pixel's value is how much the log
        odds of the label against the second guess fall, as a mean over the patches that hold it.
        Source: Zeiler & Fergus 2014.
        """
        side = reading.image.shape[-1]
        starts = np.arange(0, side - PATCH + 1, STRIDE)[:, None]
        covers = (np.arange(side) >= starts) & (np.arange(side) < starts + PATCH)  # (P, 28)
        patches = (covers[:, None, :, None] & covers[None, :, None, :]).reshape(-1, side, side)
        patches = patches[(patches & (reading.image > 0)).any((1, 2))]
        blanked = np.where(patches[:, None], np.float32(0), reading.image)
        logits = self.session.logits(np.concatenate([reading.image[None], blanked]))
        odds = logits[:, reading.label] - logits[:, reading.second]
        lost = np.tensordot(odds[0] - odds[1:], patches, 1) / np.maximum(patches.sum(0), 1)
        return np.asarray(np.where(reading.image[0] > 0, lost, 0), np.float32)

    def label_set(self, reading: Reading, level: float) -> tuple[int, ...]:
        """The labels it may be, the likeliest first: a set that holds the true one at this level.

        The level holds on average over all digits like those of validation, rejected ones too;
        see acceptance.conformal_sets. Raises InklingError where the bundle cannot promise it.
        """
        return _label_set(reading.probabilities, self.min_label_probability(level))

    def read_any(
        self,
        source: ink.Source,
        min_accuracy: float | None = None,
        constraints: Constraints = ANYTHING,
    ) -> Reading | Number | tuple[Number, ...]:
        """Read what is there: one digit, one number, or several rows.

        One row is a digit unless a number of several characters is more likely. Where a number has
        constraints, it is a number. Arguments and errors as of `read_number`.
        """
        if self.card.frame != "digit":
            return self.read(source, min_accuracy)
        with ink.naming(source):
            drawn = ink.decoded(source)
            found = self._numbers(lines.of(drawn), min_accuracy, constraints)
            if len(found) > 1:
                return found
            (number,) = found
            if constraints or (len(number.text) > 1 and number.confidence > MIN_LIKELY):
                return number
            reading = self.read(drawn, min_accuracy)
        return number if len(number.text) > 1 and _likely(reading) < number.confidence else reading

    def threshold(self, min_accuracy: float | None = None) -> float | None:
        """The confidence from which readings are accepted; None if the bundle cannot say.

        Raises InklingError if it cannot promise that accuracy.
        """
        acceptance = self.card.acceptance
        if min_accuracy is None:
            return acceptance.min_confidence if acceptance else None
        acceptance = self._acceptance()
        threshold = acceptance.threshold(min_accuracy)
        if threshold is None:
            highest = max(point.guaranteed for point in acceptance.curve)
            raise InklingError(
                f"Expected an accuracy that {acceptance.n:,} images can promise, "
                f"got {min_accuracy:g}",
                f"Ask for at most {math.floor(highest * 1e5) / 1e5:g}",
            )
        return threshold

    def min_label_probability(self, level: float) -> float:
        """From this probability on, a label is in the label set of a level. Raises InklingError."""
        acceptance = self._acceptance()
        lowest = acceptance.min_label_probability(level)
        if lowest is None:
            highest = max((known for known, _ in acceptance.sets), default=0)
            raise InklingError(
                f"Expected a level of at most {highest:g}, which {acceptance.n:,} images can "
                f"promise, got {level:g}",
                "Ask for less",
            )
        return lowest

    def _acceptance(self) -> Acceptance:
        if self.card.acceptance is None:
            raise InklingError(
                "Expected a bundle that knows how often it is right, but no image validated it",
                "Train one with: --set split=standard",
            )
        return self.card.acceptance

    def accepts(self, images: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of many images `(N, 1, 28, 28)` in [0, 1] it would accept the reading of `(N,)`."""
        self._acceptance()
        return np.array(self.accepted(self.session.run(images)), np.bool_)

    def accepted(
        self, outputs: Outputs, min_accuracy: float | None = None
    ) -> list[bool] | list[None]:
        """Whether it accepts each of N readings; None if the bundle cannot say.

        `min_accuracy`, and what it raises, as in `read`.
        """
        threshold, acceptance = self.threshold(min_accuracy), self.card.acceptance
        if acceptance is None or threshold is None:
            return [None] * len(outputs.ood_scores)
        confident = outputs.probabilities.max(1) >= threshold
        sure: list[bool] = (confident & (outputs.ood_scores <= highest_score(acceptance))).tolist()
        return sure


def _label_set(probabilities: NDArray[np.float32], lowest: float) -> tuple[int, ...]:
    """The likeliest label, and the others from that probability on."""
    order = np.argsort(-probabilities, kind="stable")
    others = (int(label) for label in order[1:] if probabilities[label] >= lowest)
    return int(order[0]), *others


def _likely(reading: Reading) -> float:
    """How likely there is a digit at all, and the one that is read."""
    return reading.confidence / (1 + math.exp(reading.ood_score - DOUBTFUL_SCORE))


def _area(box: Box) -> float:
    left, top, right, bottom = box
    return (right - left) * (bottom - top)
