"""Reader: a bundle reads drawings and pictures, without PyTorch.

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
from PIL.Image import Image
from rich.console import Console
from rich.progress import track

from inkling import ink, plots, system
from inkling.acceptance import Acceptance, highest_score
from inkling.errors import BundleError, InkError, InklingError
from inkling.ink import lines
from inkling.ink.lines import Line
from inkling.plots import html
from inkling.reading import bundle, hub
from inkling.reading.formats import Constraints
from inkling.reading.numbers import ANYTHING, SAID, Box, LineReader, Number
from inkling.reading.readings import Readings
from inkling.reading.report import Labelled, TestReport
from inkling.reading.session import EngineName, Images, Outputs, Session

SHIPPED = "shipped"  # the name of the bundle that ships
SET_LEVEL = 0.999  # share of images whose label set holds the true label
DOUBTFUL_SCORE = -2.5  # nats: ink of this ood_score is as likely a digit as not
MIN_LIKELY = 0.9  # confidence of a number, from which on it is no single digit
MANY = 100  # pictures of a folder, from which on progress is shown
SHOWN = 3  # classes of a reading that is looked at
PATCH, STRIDE = 6, 3  # pixels: what an explanation blanks at a time, and its steps


@dataclass(frozen=True, eq=False)
class Reading:
    """What the Reader says of one drawing or picture.

    >>> reading = inkling.Reader.load().read("7.png")
    >>> reading.label, reading.accepted
    (7, True)
    >>> reading
    Reading('7', ...%, accepted)
    """

    label: int  # the index of the likeliest class
    name: str  # of that class
    confidence: float  # its probability, calibrated
    probabilities: NDArray[np.float32]  # (K,), sum 1
    ood_score: float  # out-of-distribution score, in nats: above 0 for what shows no class
    accepted: bool | None  # None if the bundle cannot say
    labels: tuple[int, ...] | None  # the label set of SET_LEVEL, the likeliest first; None likewise
    image: NDArray[np.float32]  # (C, H, W) in [0, 1]: what the network saw
    classes: tuple[str, ...] = ()  # the name of each label

    @property
    def second(self) -> int:
        """The index of the second likeliest class."""
        return int(np.argsort(-self.probabilities, kind="stable")[1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and self._values == other._values

    def __hash__(self) -> int:
        return hash(self._values)

    @property
    def _values(self) -> tuple[object, ...]:
        """All it holds, arrays as their bytes."""
        values = (getattr(self, name) for name in self.__dataclass_fields__)
        return tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in values)

    def __repr__(self) -> str:
        return f"Reading({self.name!r}, {self.confidence:.1%}, {SAID[self.accepted]})"

    def _repr_html_(self) -> str:
        """What it saw, and the three likeliest classes."""
        likeliest = np.argsort(-self.probabilities, kind="stable")[:SHOWN]
        return html.panel(
            f"{self.name} ({self.confidence:.1%})",
            html.line(SAID[self.accepted], faint=True),
            html.tiles(self.image[None], [""], width=84),
            html.bars(
                [self.classes[i] if self.classes else str(i) for i in likeliest],
                self.probabilities[likeliest].tolist(),
            ),
        )

    def picture(self) -> Image:
        """What it saw, and what that reads as."""
        return plots.contact_sheet(self.image[None], [f"{self.name} ({self.confidence:.1%})"])


class Reader:
    """Reads with one bundle. Safe to share between threads, and passes to other processes.

    >>> reader = inkling.Reader.load()
    >>> reader
    Reader(bundle "shipped", 10 classes, ...)
    >>> reader.read("7.png").label
    7
    >>> reader.read_number("7.png").text
    '7'
    """

    def __init__(
        self, card: bundle.Card, session: Session, name: str = "", numbers: Path = bundle.NUMBERS
    ) -> None:
        self.card = card
        self.session = session
        self.name = name
        self.numbers = numbers  # the folder of the bundle that reads them

    def __repr__(self) -> str:
        digest = self.card.model_sha256[:12]
        return f'Reader(bundle "{self.name}", {len(self.card.classes)} classes, {digest})'

    def _repr_html_(self) -> str:
        """What it is, and how good."""
        rows = [*self.card.summary, ("engine", self.engine)]
        return html.panel(f"Reader {self.name}", html.table(["", ""], rows))

    @property
    def engine(self) -> EngineName:
        """What runs its networks: ONNX Runtime, or NumPy alone."""
        return self.session.engine

    @cached_property
    def lines(self) -> LineReader:
        """What reads numbers: its own bundle for them, or the one that ships.

        It is loaded when it is first needed.
        """
        return LineReader.load(self.numbers, engine=self.engine)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        threads: int = 1,
        engine: EngineName | None = None,
    ) -> "Reader":
        """The Reader of a bundle's folder, or of a name it was saved by; by default, of the
        bundle that ships.

        "hf://user/name" is one on the Hugging Face Hub, "hf://user/name@v2" a revision of it. One
        thread reads one image fastest; give more for large batches.

        `engine` is what runs the networks: "onnxruntime", or "numpy", which is slower, needs no
        library of its own, and has the threads of its BLAS. Without it, INKLING_READER_ENGINE in
        the environment says which; else it is ONNX Runtime where that can be imported. Raises
        BundleError, also for a graph that the engine cannot run, InklingError where there is no
        such engine, and MissingExtra for the Hub.
        """
        folder = bundle.find(bundle.PRETRAINED if path is None else _folder(os.fspath(path)))
        card, model = bundle.read(folder)
        session = Session(model, len(card.classes), threads, card.temperature, card.shape, engine)
        name = SHIPPED if path is None else os.fspath(path)
        return cls(card, session, name, bundle.numbers_of(folder))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write its bundle to a folder; a bare name is one that `load` and the page know.

        Gives the folder. Raises BundleError where it holds another bundle.
        """
        name = os.fspath(path)
        if hub.is_name(name):
            raise BundleError(
                f"Expected a folder or a bare name, got {name}",
                "To the Hub: inkling export --to hub FOLDER --push user/name",
            )
        folder = Path(name) if _is_path(name) else _saved(name)
        if (folder / bundle.CARD).is_file() and bundle.read(folder)[0] != self.card:
            raise BundleError(f"{folder}: expected a new name, but a bundle is there", "Choose one")
        if self.numbers != bundle.NUMBERS:
            bundle.write(folder / self.numbers.name, self.lines.card, self.lines.session.model)
        bundle.write(folder, self.card, self.session.model)
        return folder

    def test(self, part: Labelled) -> TestReport:
        """How it reads labelled images: the part of a data set, as `load_data("mnist").test`.

        Raises InklingError where their labels are not its own.
        """
        if len(part.classes) > len(self.card.classes):
            raise InklingError(
                f"Expected images of {len(self.card.classes)} classes, got {len(part.classes)}",
                "Test the bundle of that data set",
            )
        images = part.images()
        outputs = self.session.run(images)
        accepted = self.accepted(outputs) if self.card.acceptance else None
        return TestReport(images, part.labels, outputs.probabilities, accepted, self.card.classes)

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities `(N, K)` of images `(N, C, H, W)` in [0, 1], ink = 1 on 0."""
        return self.session.run(images).probabilities

    def read(self, source: ink.Source, min_accuracy: float | None = None) -> Reading:
        """Read one picture or drawing: anything that `ink.to_image` takes.

        `min_accuracy`, below 1, is the share of accepted readings that is to be correct; without
        it, the card's own threshold decides. Raises NothingDrawn if there is no ink, InkError if
        it cannot be decoded, InklingError if the bundle cannot promise that accuracy.
        """
        return self.read_many([source], min_accuracy)[0]

    def read_many(
        self,
        sources: Iterable[ink.Source] | str | os.PathLike[str],
        min_accuracy: float | None = None,
    ) -> Readings:
        """Read several: sources in one batch, or the pictures in a folder.

        Of sources, it raises as `read` does, for the first that fails. Of a folder, the pictures
        that cannot be read are among the `errors` of what it gives, and of many, a terminal or a
        notebook shows how far it is.
        """
        if isinstance(sources, str | os.PathLike):
            return self._read_folder(Path(sources), min_accuracy)
        images = [ink.to_image(source, self.card.frame) for source in sources]
        return Readings(self.read_images(np.stack(images), min_accuracy) if images else [])

    def _read_folder(self, folder: Path, min_accuracy: float | None) -> Readings:
        names, images, errors = [], [], {}
        files = ink.pictures_in(folder)
        console = Console(stderr=True)
        is_seen = len(files) >= MANY and (console.is_terminal or console.is_jupyter)
        for file in track(files, "Reading", console=console, transient=True, disable=not is_seen):
            try:
                count = len(pages := ink.pages(file))
            except InkError as error:
                errors[file] = error.error
                continue
            for page in range(count):
                name = f"{file} page {page + 1}" if count > 1 else file
                try:
                    images.append(ink.to_image(pages[page], self.card.frame))
                    names.append(name)
                except InkError as error:
                    errors[name] = error.error
        found = self.read_images(np.stack(images), min_accuracy) if images else []
        return Readings(found, names, errors)

    def read_images(
        self, images: NDArray[np.float32], min_accuracy: float | None = None
    ) -> list[Reading]:
        """Read images `(N, C, H, W)` in [0, 1], ink = 1 on 0; `min_accuracy` as in `read`."""
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
                classes=self.card.classes,
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
        Source: Zeiler & Fergus 2014. Raises InklingError where the bundle reads no ink.
        """
        if self.card.frame == "picture":
            raise InklingError(
                f"Expected a bundle that reads ink, got one of {self.card.dataset}",
                "What colours did is not explained; read with a bundle of digits",
            )
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

    def accepts(self, images: Images) -> NDArray[np.bool_]:
        """Of which of many images it would accept the reading `(N,)`; images as of Session.run."""
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


def _is_path(name: str) -> bool:
    return os.sep in name or "/" in name or name in (".", "..")


def _saved(name: str) -> Path:
    """The folder of a bundle that is saved by a name."""
    return system.home() / bundle.TAUGHT / name / bundle.IN_A_RUN


def _folder(name: str) -> Path:
    """The folder that is meant: a path, a name that a bundle was saved by, or one of the Hub."""
    if hub.is_name(name):
        return hub.fetch(name)
    if _is_path(name) or Path(name).exists():
        return Path(name)
    saved = _saved(name)
    return saved if (saved / bundle.CARD).is_file() else Path(name)
