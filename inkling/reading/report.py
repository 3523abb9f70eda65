"""How a bundle reads labelled images: figures, confusions and the worst mistakes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkling import acceptance, metrics, plots
from inkling.acceptance import Sample, Texts
from inkling.metrics import Measures
from inkling.plots import html
from inkling.reading.numbers import is_number, read_text
from inkling.reading.session import LineSession, Session

MISTAKES = 20  # that are shown


class Labelled(Protocol):
    """The part of a data set, as data.Split."""

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The label of each image `(N,)`."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each label."""
        ...

    def images(self) -> NDArray[np.float32]:
        """The images `(N, C, H, W)` in [0, 1]."""
        ...


class Written(Labelled, Protocol):
    """The same, with the writer of each image, and its bytes."""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The images `(N, C, H, W)` in 0..255."""
        ...

    @property
    def writers(self) -> NDArray[np.str_] | None:
        """Who wrote each image `(N,)`, where that is known."""
        ...


def measured(
    session: Session,
    temperature: float,
    validation: Written | None,
    test: Written,
    calibrating: Sequence[tuple[str, Written]],
) -> dict[str, Any]:
    """The fields of a card that say how good a graph is.

    The parts that calibrate, by name, are those to which it is fitted when to accept a reading.
    """
    samples = [
        Sample(name, session.logits(part.pixels) * temperature, part.labels, part.writers)
        for name, part in calibrating
    ]

    def read(part: Written) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        return session.run(part.pixels).probabilities, part.labels

    tested = read(test)
    return {
        "validation": metrics.measure(*read(validation)) if validation else None,
        "test": metrics.measure(*tested),
        "acceptance": acceptance.fit(samples, temperature) if samples else None,
        "report": metrics.report(*tested),
    }


def read_texts(
    session: LineSession,
    characters: str,
    name: str,
    lines: Iterable[NDArray[np.float32]],
    says: Callable[[int, str], bool],
    writers: NDArray[np.str_] | None = None,
) -> Texts:
    """How a graph reads lines, each `(1, 32, W)`: how sure it is, and whether it is right.

    `says` tells of a line, by its index, whether a text is what it says.
    """
    found = [read_text(session, line, characters) for line in lines]
    confidence = [each.probability if is_number(each.text) else 0.0 for each in found]
    right = [says(index, each.text) for index, each in enumerate(found)]
    return Texts(name, np.array(confidence), np.array(right), writers)


@dataclass(frozen=True, eq=False)
class TestReport:
    """What a test came to."""

    __test__ = False  # pytest takes it for a test otherwise

    images: NDArray[np.float32]  # (N, C, H, W)
    labels: NDArray[np.uint8]  # (N,)
    probabilities: NDArray[np.float32]  # (N, K)
    accepted: Sequence[bool | None] | None  # (N,) of each reading; None if the bundle cannot say
    classes: tuple[str, ...]

    @cached_property
    def measures(self) -> Measures:
        """Accuracy and its interval, likelihood, calibration."""
        return metrics.measure(self.probabilities, self.labels)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """The counts `(K, K)`: rows are true labels, columns readings."""
        return metrics.confusion(self.labels, self.probabilities.argmax(1), len(self.classes))

    @property
    def accuracy(self) -> float:
        """Share that is read right, in [0, 1]."""
        return self.measures.accuracy

    def mistakes(self, count: int = MISTAKES) -> NDArray[np.intp]:
        """The indexes of at most `count` mistakes, the most confident first."""
        return metrics.worst_mistakes(self.probabilities, self.labels, count)

    def picture(self) -> Image.Image:
        """The confusion matrix, to look at and to save."""
        return plots.confusion_matrix(self.confusion, self.classes)

    def __repr__(self) -> str:
        measures = self.measures
        low, high = measures.interval
        sure = np.array(self.accepted or [], bool)
        right = (self.probabilities.argmax(1) == self.labels)[: len(sure)][sure]
        said = (
            f"; accepted {sure.mean():.2%}, of these {right.mean():.2%} right" if len(right) else ""
        )
        return (
            f"TestReport({measures.accuracy:.2%} of {measures.n:,}, {low:.2%} to {high:.2%}{said})"
        )

    def _repr_html_(self) -> str:
        precision, recall = metrics.precision_recall(self.confusion)
        rows = [
            [name, f"{recall[i]:.2%}", f"{precision[i]:.2%}", *self.confusion[i].tolist()]
            for i, name in enumerate(self.classes)
        ]
        worst = self.mistakes()
        read = self.probabilities[worst].argmax(1)
        captions = [
            f"{self.classes[self.labels[i]]} as {self.classes[label]}"
            for i, label in zip(worst, read, strict=True)
        ]
        return html.panel(
            repr(self).removeprefix("TestReport(").removesuffix(")"),
            html.table(["true", "recall", "precision", *self.classes], rows),
            html.line("The worst mistakes, the most confident first") if len(worst) else "",
            html.tiles(self.images[worst], captions) if len(worst) else "",
        )
