"""What a cell, or a terminal, shows while a training goes on."""

import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from inkling.experiments import events
from inkling.experiments.events import Event
from inkling.plots import html

SECONDS_A_SHOW = 0.5


class Live:
    """Called with the events of a training; shows them where it is called from."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._epochs: list[events.Epoch] = []
        self._last: Event | None = None
        self._shown = 0.0
        self._show = _cell()

    def __call__(self, event: Event) -> None:
        """Show an event: of those that come often, some."""
        self._last = event
        if isinstance(event, events.Epoch):
            self._epochs.append(event)
            if not self._show:
                _say(_row(event))
        now = time.monotonic()
        if self._show and (
            not isinstance(event, events.Progress) or now - self._shown > SECONDS_A_SHOW
        ):
            self._shown = now
            self._show(_Shown(self._html()))
        if not self._show and isinstance(event, events.End | events.Stopped):
            _say(_end(event))

    def _html(self) -> str:
        last, now = self._last, ""
        if isinstance(last, events.Progress):
            now = (
                f"epoch {last.epoch}: loss {last.loss:.4f}, {last.accuracy:.2%}, "
                f"{last.images_per_second:,.0f} images/s, {last.seconds_left:.0f} s left"
            )
        elif isinstance(last, events.End | events.Stopped):
            now = _end(last)
        return html.panel(self._title, table(self._epochs), html.line(now))


def table(epochs: Sequence[events.Epoch]) -> str:
    """A row for each epoch: of many, the last ones."""
    head = ["epoch", "loss", "accuracy", "validation loss", "validation accuracy", "seconds"]
    rows = [
        [
            one.epoch,
            one.loss,
            _share(one.accuracy),
            one.validation_loss,
            _share(one.validation_accuracy),
            f"{one.seconds:.1f}",
        ]
        for one in epochs[-html.MAX_SHOWN :]
    ]
    return html.table(head, rows) if rows else ""


class _Shown:
    """What a cell displays of a training."""

    def __init__(self, content: str) -> None:
        self._content = content

    def _repr_html_(self) -> str:
        return self._content


def _cell() -> Callable[[_Shown], None] | None:
    """What shows something in a notebook's cell, in place of what it showed; None elsewhere."""
    marimo = sys.modules.get("marimo")  # where a cell runs, it is imported
    if marimo and marimo.running_in_notebook():
        show: Callable[[_Shown], None] = marimo.output.replace
        return show
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or type(shell).__name__ == "TerminalInteractiveShell":
        return None
    display: Any = import_module("IPython.display").display
    update: Callable[[_Shown], None] = display(_Shown(""), display_id=True).update
    return update


def _row(event: events.Epoch) -> str:
    said = f"epoch {event.epoch}: loss {event.loss:.4f}, accuracy {event.accuracy:.2%}"
    if event.validation_accuracy is not None:
        said += f", validation {event.validation_accuracy:.2%}"
    return f"{said}, {event.seconds:.1f} s"


def _end(event: events.End | events.Stopped) -> str:
    if isinstance(event, events.Stopped):
        return f"Stopped and saved. Go on with run.resume(), or: inkling train --resume {event.run}"
    return f"Test accuracy {event.test.accuracy:.2%}, trained in {event.train_seconds:.1f} s"


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.2%}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
