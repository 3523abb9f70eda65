"""Reader: a bundle reads drawings and pictures, by ONNX Runtime alone.

>>> from inkling import Reader
>>> reading = Reader.load().read("digit.png")
>>> reading.label, reading.confidence, reading.accepted
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inkling import ink, metrics
from inkling.ink import lines
from inkling.reading import bundle
from inkling.errors import BundleError, InklingError

SET_LEVEL = 0.999  # of cases in which the set of an answer is to hold the true label
DOUBT = 2.5  # nats of evidence, at which a part of a line is as likely none as one
LIKELY = 0.5  # that each part is a digit, from which several are read where one was expected
CERTAIN = 0.98  # confidence from which ink that hangs together is not cut
PATCH, STRIDE = 6, 3  # pixels: of what an explanation takes away, and from one such to the next


@dataclass(frozen=True)
class Reading:
    """What the Reader says of one drawing or picture."""

    label: int  # the index of the likeliest class
    name: str  # of that class
    confidence: float  # its probability, calibrated
    probabilities: NDArray[np.float32]  # (K,), sum 1
    evidence: float  # how much speaks for any class at all, in nats: below 0, for what is none
    accepted: bool | None  # whether to believe it; None if the bundle cannot say
    image: NDArray[np.float32]  # (1, 28, 28) in [0, 1]: what the network saw
    _reader: "Reader" = field(repr=False, compare=False)

    @property
    def second(self) -> int:
        """The index of the second likeliest class."""
        return int(np.argsort(-self.probabilities, kind="stable")[1])

    def labels(self, level: float = SET_LEVEL) -> tuple[int, ...]:
        """The labels it may be, the likeliest first: a set that holds the true one at this level.

        That is so for digits like those that validated, on average over all of them, refused ones
        too; see metrics.conformal_sets. Raises InklingError where the bundle cannot promise it.
        """
        least = self._reader.least_probability(level)
        likely = np.argsort(-self.probabilities, kind="stable")
        others = (int(label) for label in likely[1:] if self.probabilities[label] >= least)
        return int(likely[0]), *others

    def usual_labels(self) -> tuple[int, ...] | None:
        """The labels at SET_LEVEL; None where too few images validated to promise such a set."""
        acceptance = self._reader.card.acceptance
        known = acceptance is not None and acceptance.least_probability(SET_LEVEL) is not None
        return self.labels() if known else None

    def explain(self) -> NDArray[np.float32]:
        """What each pixel's ink did `(28, 28)`: above 0, it spoke for the label; below, against it.

        Patch after patch of the image is blanked, all in one batch; a pixel's value is what the
        log odds of the label against the second guess lose by it, in nats, as a mean over the
        patches that hold it. Where there is no ink, 0. Source: Zeiler & Fergus 2014.
        """
        side = self.image.shape[-1]
        starts = np.arange(0, side - PATCH + 1, STRIDE)[:, None]
        covers = (np.arange(side) >= starts) & (np.arange(side) < starts + PATCH)  # (P, 28)
        patches = (covers[:, None, :, None] & covers[None, :, None, :]).reshape(-1, side, side)
        patches = patches[(patches & (self.image > 0)).any((1, 2))]
        blanked = np.where(patches[:, None], np.float32(0), self.image)
        logits = self._reader.network.run("logits", np.concatenate([self.image[None], blanked]))
        odds = logits[:, self.label] - logits[:, self.second]
        lost = np.tensordot(odds[0] - odds[1:], patches, 1) / np.maximum(patches.sum(0), 1)
        return np.asarray(np.where(self.image[0] > 0, lost, 0), np.float32)

    def to_json(self) -> dict[str, Any]:
        """Plain values; `image` becomes 28 rows of 0..255."""
        return {
            "label": self.label,
            "name": self.name,
            "confidence": round(self.confidence, 6),
            "evidence": round(self.evidence, 4),
            "accepted": self.accepted,
            "labels": self.usual_labels(),
            "probabilities": [round(float(p), 6) for p in self.probabilities],
            "image": np.rint(self.image[0] * 255).astype(int).tolist(),
        }


@dataclass(frozen=True)
class Part:
    """A digit or a sign of a number."""

    text: str  # one character
    confidence: float
    box: tuple[float, float, float, float]  # left, top, right, bottom, as the source counts
    reading: Reading | None  # None of a sign


@dataclass(frozen=True)
class Number:
    """What the Reader says of a line of digits."""

    text: str  # as "-12.5"
    confidence: float  # that every digit is right: the product of theirs
    accepted: bool | None  # whether it has digits and all are; None if the bundle cannot say
    parts: tuple[Part, ...]  # from left to right

    def to_json(self) -> dict[str, Any]:
        """Plain values; of each digit those of its reading, but for its image."""
        digits = []
        for part in self.parts:
            content = part.reading.to_json() if part.reading else {}
            content.pop("image", None)
            plain = {"text": part.text, "box": [round(side, 1) for side in part.box]}
            digits.append(content | plain | {"confidence": round(part.confidence, 6)})
        return {
            "text": self.text,
            "confidence": round(self.confidence, 6),
            "accepted": self.accepted,
            "parts": digits,
        }


class Network:
    """An ONNX graph: images `(N, 1, 28, 28)` in [0, 1] -> logits, probabilities `(N, K)`."""

    def __init__(self, model: bytes, classes: int, threads: int = 1) -> None:
        """Load the graph from its bytes. Raises BundleError if its shapes are others."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is wrong is raised, once, not logged as well
        # bundle.read has checked an ONNX graph: ONNX Runtime's own format must not pass as one
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as cause:  # the binding raises classes of its own for each status
            raise BundleError(
                "Expected a graph that ONNX Runtime can load, but it cannot",
                "Train the bundle anew, or update onnxruntime",
            ) from cause
        nodes = (*self._session.get_inputs(), *self._session.get_outputs())
        shapes = {node.name: tuple(node.shape[1:]) for node in nodes}
        side = ink.SIDE
        expected = {"images": (1, side, side), "logits": (classes,), "probabilities": (classes,)}
        if shapes != expected or any(isinstance(node.shape[0], int) for node in nodes):
            raise BundleError(
                f"Expected a graph of batches of any size with {expected}, got {shapes}",
                "Train the bundle anew",
            )
        if any(node.type != "tensor(float)" for node in nodes):
            kinds = ", ".join(sorted({node.type for node in nodes}))
            raise BundleError(f"Expected a graph of float32, got {kinds}", "Train the bundle anew")

    def run(self, output: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The "logits" or "probabilities" `(N, K)` of images `(N, 1, 28, 28)` in [0, 1]."""
        (result,) = self._session.run([output], {"images": images})
        return np.asarray(result, np.float32)


class Reader:
    """Reads with one bundle. Safe to share between threads."""

    def __init__(self, card: bundle.Card, network: Network) -> None:
        self.card = card
        self.network = network

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, threads: int = 1) -> "Reader":
        """The Reader of a bundle's folder; without a path, of the bundle that ships.

        One thread reads one image fastest; give more for large batches. Raises BundleError.
        """
        card, model = bundle.read(bundle.PRETRAINED if path is None else Path(path))
        return cls(card, Network(model, len(card.classes), threads))

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities `(N, K)` of images `(N, 1, 28, 28)` in [0, 1], ink = 1 on 0."""
        return self.network.run("probabilities", images)

    def read(self, source: ink.Source, min_accuracy: float | None = None) -> Reading:
        """Read one path, bytes of a file, PIL image, array or Drawing.

        `min_accuracy`, below 1, is the share of accepted readings that is to be right; without
        it, the card's own threshold decides. Raises NothingDrawn if there is no ink, InkError if
        it cannot be decoded, InklingError if the bundle cannot promise that accuracy.
        """
        return self.read_many([source], min_accuracy)[0]

    def read_many(
        self, sources: Iterable[ink.Source], min_accuracy: float | None = None
    ) -> list[Reading]:
        """Read several in one batch; raises as `read` does, for the first that fails."""
        threshold = self.threshold(min_accuracy)
        images = [ink.to_image(source, self.card.frame) for source in sources]
        return self._readings(np.stack(images), threshold) if images else []

    def read_number(self, source: ink.Source, min_accuracy: float | None = None) -> Number:
        """Read one line of digits, with a minus, decimal point or comma where there is one.

        Arguments and errors as of `read`. A piece of ink that is no digit is cut where that makes
        digits of it.
        """
        threshold = self.threshold(min_accuracy)
        if self.card.frame != "digit":
            raise InklingError(
                f"Expected a bundle that reads digits, got one of {self.card.dataset}",
                "Name another with --bundle",
            )
        sheet = ink.to_sheet(source, "line")
        whole = lines.pieces(sheet.ink)
        top, height = lines.extent(whole)
        known: dict[lines.Box, Reading] = {}
        self._look_at(whole, known, threshold)
        sure = {box for box, reading in known.items() if _likely(reading) >= CERTAIN}
        pieces = [
            piece
            for one in whole
            for piece in ([one] if one.box in sure else lines.cut(one, height))
        ]
        runs = lines.runs(pieces, height, sure)
        joined = [lines.joined(pieces[first:beyond]) for first, beyond in runs]
        self._look_at(joined, known, threshold)
        parts = [
            _part(known[piece.box], lines.sign(piece, top, height, first == 0), piece, sheet)
            for (first, _), piece in zip(runs, joined, strict=True)
        ]
        likelihood = [
            (_likely(part.reading) if part.reading else part.confidence)
            * lines.prior(pieces[first:beyond])
            for part, (first, beyond) in zip(parts, runs, strict=True)
        ]
        found = tuple(parts[index] for index in lines.best(len(pieces), runs, likelihood))
        digits = [part.reading for part in found if part.reading]
        accepted = bool(digits) and all(digit.accepted for digit in digits)
        return Number(
            text="".join(part.text for part in found),
            confidence=math.prod(digit.confidence for digit in digits) if digits else 0.0,
            accepted=None if threshold is None else accepted,
            parts=found,
        )

    def read_any(self, source: ink.Source, min_accuracy: float | None = None) -> Reading | Number:
        """Read one digit or, where there is no sure one but several likely ones, a line of them.

        Arguments and errors as of `read`.
        """
        reading = self.read(source, min_accuracy)
        if reading.accepted is not False or self.card.frame != "digit":
            return reading
        number = self.read_number(source, min_accuracy)
        digits = [_likely(part.reading) for part in number.parts if part.reading]
        return number if len(digits) > 1 and min(digits) > LIKELY else reading

    def _look_at(
        self,
        pieces: Sequence[lines.Piece],
        known: dict[lines.Box, Reading],
        threshold: float | None,
    ) -> None:
        """Read each piece of a line as if it were alone, in one batch, unless it is `known`."""
        new = [piece for piece in pieces if piece.box not in known]
        if new:
            images = np.stack([ink.fit(piece.ink) for piece in new])
            readings = self._readings(images, threshold)
            known |= {piece.box: reading for piece, reading in zip(new, readings, strict=True)}

    def threshold(self, min_accuracy: float | None = None) -> float | None:
        """The confidence from which readings are accepted; None if the bundle cannot say.

        Raises InklingError if it cannot promise that accuracy of what is accepted.
        """
        acceptance = self.card.acceptance
        if min_accuracy is None:
            return acceptance.confidence if acceptance else None
        acceptance = self._acceptance()
        threshold = acceptance.threshold(min_accuracy)
        if threshold is None:
            most = min(max(p.accuracy for p in acceptance.curve), 1 - 0.5 / acceptance.n)
            raise InklingError(
                f"Expected an accuracy that {acceptance.n:,} images can promise, "
                f"got {min_accuracy:g}",
                f"Ask for at most {math.floor(most * 1e5) / 1e5:g}",
            )
        return threshold

    def least_probability(self, level: float) -> float:
        """From which on a label belongs to a set of this level. Raises InklingError."""
        acceptance = self._acceptance()
        least = acceptance.least_probability(level)
        if least is None:
            most = max((known for known, _ in acceptance.sets), default=0)
            raise InklingError(
                f"Expected a level of at most {most:g}, which {acceptance.n:,} images can promise, "
                f"got {level:g}",
                "Ask for less",
            )
        return least

    def _acceptance(self) -> metrics.Acceptance:
        if self.card.acceptance is None:
            raise InklingError(
                "Expected a bundle that knows how often it is right, but no image validated it",
                "Train one with: --set split=standard",
            )
        return self.card.acceptance

    def accepts(self, images: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which of many images `(N, 1, 28, 28)` in [0, 1] it would accept the reading of `(N,)`."""
        acceptance = self._acceptance()
        logits = self.network.run("logits", images)
        confidence = metrics.softmax(logits).max(1)
        evident = metrics.evidence(logits * self.card.temperature) >= acceptance.evidence
        return np.asarray((confidence >= acceptance.confidence) & evident)

    def _readings(self, images: NDArray[np.float32], threshold: float | None) -> list[Reading]:
        logits = self.network.run("logits", images)
        rows = metrics.softmax(logits).astype(np.float32)
        evident = metrics.evidence(logits * self.card.temperature)
        found = []
        for row, spoken, image in zip(rows, evident, images, strict=True):
            label, evidence = int(row.argmax()), float(spoken)
            name, confidence = self.card.classes[label], float(row[label])
            acceptance = self.card.acceptance
            accepted = None
            if acceptance and threshold is not None:
                accepted = confidence >= threshold and evidence >= acceptance.evidence
            found.append(Reading(label, name, confidence, row, evidence, accepted, image, self))
        return found


def _likely(reading: Reading) -> float:
    """How likely a part of a line is a digit at all, and the one that is read."""
    return reading.confidence / (1 + math.exp(DOUBT - reading.evidence))


def _part(reading: Reading, sign: str | None, piece: lines.Piece, sheet: ink.Sheet) -> Part:
    """What a piece of a line is: a sign, where it can be one and is no likely digit."""
    (x, y), scale = sheet.corner, sheet.scale
    left, top, right, bottom = (side / scale for side in piece.box)
    box = left + x, top + y, right + x, bottom + y
    if sign and _likely(reading) < lines.SIGN_LIKELIHOOD:
        return Part(sign, lines.SIGN_LIKELIHOOD, box, None)
    return Part(reading.name, reading.confidence, box, reading)
