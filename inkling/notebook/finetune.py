"""Fine-tuning from Python: drawings with their labels -> a bundle that reads them.

>>> tuned = inkling.fine_tune([(pad.drawing, 7), ...])
>>> tuned.after.right, tuned.reader
"""

import itertools
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from PIL import Image

from inkling import ink, plots, system
from inkling.errors import InkError, RunError
from inkling.experiments.events import Event, Figures, FineTuneEnd
from inkling.notebook.live import Live
from inkling.plots import html
from inkling.reading.reader import Reader
from inkling.reading.registry import TAUGHT


@dataclass(frozen=True)
class FineTuned:
    """What a fine-tuning came to. Nothing is served because of it: see `reader`.

    >>> tuned = inkling.fine_tune([(seven, 7) for seven in sevens], show=False)
    >>> tuned.after.drawings
    2
    """

    folder: Path
    outcome: FineTuneEnd

    @property
    def reader(self) -> Reader:
        """The Reader of the new bundle."""
        return Reader.load(self.folder)

    @property
    def before(self) -> Figures:
        """How the bundle that ships reads the drawings that were held out, and MNIST."""
        return self.outcome.before

    @property
    def after(self) -> Figures:
        """How the new one does."""
        return self.outcome.after

    def __repr__(self) -> str:
        one, two = self.before, self.after
        return (
            f"FineTuned({one.right} to {two.right} of {two.drawings} held out, MNIST "
            f"{one.test:.2%} to {two.test:.2%}; {self.outcome.why})"
        )

    def _repr_html_(self) -> str:
        rows: list[list[html.Cell]] = [
            ["held-out drawings read right", *(f"{f.right} of {f.drawings}" for f in self._both)],
            ["loss of these, nats", *(f.loss for f in self._both)],
            ["MNIST's test images", *(f"{f.test:.2%}" for f in self._both)],
        ]
        head = ["", "before", "after"]
        return html.panel(str(self.folder), html.table(head, rows), html.line(self.outcome.why))

    @property
    def _both(self) -> tuple[Figures, Figures]:
        return self.before, self.after


def fine_tune(
    drawings: Iterable[tuple[ink.Source, SupportsIndex]] | None = None,
    *,
    name: str = "",
    seed: int = 0,
    show: bool = True,
) -> FineTuned:
    """Teach the network that ships a handwriting, from drawings or pictures with their labels.

    `drawings` are pairs of what `to_image` takes and a label, as ("7.png", 7). Without them, those
    of the store are taken, which the page and `Pad.label` keep. Every fifth of a label, from the
    third on, is held out and compares. The new bundle is saved under a name, for `Reader.load` and
    the page. Raises MissingExtra, DataError, InkError, and RunError where they are too few or it is
    interrupted.

    >>> inkling.fine_tune([(seven, 7) for seven in sevens], name="mine", show=False)
    FineTuned(...)
    >>> inkling.Reader.load("mine").read(sevens[0]).label
    7
    """
    system.require("Teaching", "train")
    system.require("Teaching", "serve")
    from inkling.drawings import Filter, Labelled, Store, default_url
    from inkling.drawings.labelling import labelled
    from inkling.drawings.store import is_held_out
    from inkling.training import finetune

    if drawings is None:
        store = Store(default_url())
        try:
            found: list[Labelled] = list(finetune.sample(store, Filter(numbers=False), seed))
        finally:
            store.close()
    else:
        reader = Reader.load()
        ranks: defaultdict[int, itertools.count[int]] = defaultdict(itertools.count)
        found = [
            labelled(reader, _kept(source), label, held_out=is_held_out(next(ranks[label])))
            for source, label in _pairs(drawings)
        ]
    if Path(name).name != name or name == "..":
        raise RunError(f"Expected the name of a folder, without a path, got {name!r}", "Change it")
    folder = system.home() / TAUGHT / (name or f"{datetime.now():%Y%m%d-%H%M%S}")
    report: Callable[[Event], None] = Live(f"Fine-tuning: {folder}") if show else lambda _: None
    with system.stopped_by_signal() as caught:
        outcome = finetune.fine_tune(found, folder, report, lambda: bool(caught), seed=seed)
    if outcome is None:
        raise RunError("Expected a fine-tuning to end, but it was interrupted", "Begin it again")
    return FineTuned(folder, outcome)


def _pairs(
    drawings: Iterable[tuple[ink.Source, SupportsIndex]],
) -> Iterator[tuple[ink.Source, int]]:
    """Each source and its label. Raises InkError where it is no such pair."""
    for pair in drawings:
        try:
            source, given = pair
            label = operator.index(given)
        except (TypeError, ValueError) as cause:
            raise InkError(
                f"Expected pairs of a drawing and its label, a whole number, got {pair!r:.80}",
                "For example: [(pad.drawing, 7), ('7.png', 7)]",
            ) from cause
        if label < 0:
            raise InkError(f"Expected a label from 0 on, got {label}", "Number the classes from 0")
        yield source, label


def _kept(source: ink.Source) -> ink.Drawing | bytes:
    """A source as the store keeps it: a drawing, or a picture's bytes. Raises InkError."""
    with ink.naming(source):
        drawn = ink.decoded(source)
    if isinstance(drawn, ink.Drawing):
        return drawn
    return plots.png(Image.fromarray(np.rint(drawn.pixels).astype(np.uint8)))
