"""How a bundle reads labelled images: figures, confusions and the worst mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkling import metrics, plots
from inkling.metrics import Measures
from inkling.plots import html

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
