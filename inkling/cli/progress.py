"""What the command line shows while something goes on: downloads, trainings, fine-tunings."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from inkling import system
from inkling.cli.display import describe
from inkling.cli.options import STOPPED
from inkling.experiments import events
from inkling.experiments.events import Event

if TYPE_CHECKING:
    from inkling.drawings.archive import Watch

Shown = Literal["live", "lines", "json", "nothing"]


@contextmanager
def showing_downloads(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each file; gives what to call with (name, bytes done, total)."""
    columns = *Progress.get_default_columns()[:2], DownloadColumn(), TimeRemainingColumn()
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:

        def report(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file)
            bar.update(tasks[file], completed=done, total=total or None)

        yield report


@contextmanager
def showing_drawings(stopped: str) -> Iterator["Watch"]:
    """A bar on standard error; gives what drawings pass through.

    At a signal to stop, the block ends before the next one, and the command with the line
    `stopped`.
    """
    console = Console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        system.stopped_by_signal() as caught,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
    ):

        def watch(items: Iterable[Any], total: int | None) -> Iterator[Any]:
            for item in bar.track(items, total):
                if caught:
                    raise KeyboardInterrupt
                yield item

        try:
            yield watch
        except KeyboardInterrupt:
            bar.stop()
            console.print(f"Stopped. {stopped}")
            raise typer.Exit(STOPPED + (caught or [signal.SIGINT])[0]) from None


class TrainingDisplay:
    """Shows the events of a training; a context manager, called with each event."""

    def __init__(self, shown: Shown, console: Console) -> None:
        self._shown = shown
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=14),  # short of 80 columns, so that an echoed ^C breaks no line
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            disable=shown != "live",
        )
        self._task = self._bar.add_task("", total=None, figures="", visible=False)
        self._epochs = 0
        self._steps = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if self._shown == "json":
            sys.stdout.write(events.to_json(event) + "\n")
            sys.stdout.flush()
        elif self._shown != "nothing":
            self.show(event)

    def show(self, event: Event) -> None:
        """Show one event to a person."""
        match event:
            case events.Start():
                self._epochs, self._steps = event.epochs, event.steps_per_epoch
                self._print(
                    f"Training {event.recipe} on {event.dataset}, seed {event.seed}: "
                    f"{event.parameters:,} parameters, {event.device}, {event.threads} threads"
                )
                self._print(f"Run {event.run}" + (", resumed" if event.step else ""))
                self._print("            training            validation")
                self._print("epoch       loss   accuracy     loss   accuracy   seconds in all")
            case events.Progress():
                self._advance(event, f"{event.epoch:>3}/{self._epochs}")
            case events.Epoch():
                self._print(_epoch_line(event, self._epochs))
                if event.epoch == self._epochs:
                    self._bar.update(self._task, visible=False)
                    self._print("Calibrating, exporting, checking, testing ...")
            case events.Stopped():
                self._print(
                    f"Stopped and saved at step {event.step:,}. "
                    f"Go on with: inkling train --resume {event.run}"
                )
            case events.End():
                self._print(f"Test: {describe(event.test)}")
                self._print(f"Trained in {event.train_seconds:.1f} s. Next:")
                self._print(f"  inkling test {event.bundle}")
                self._print(f"  inkling serve --bundle {event.bundle}")
                self._print("  inkling leaderboard")

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _advance(self, event: events.Progress, description: str) -> None:
        minutes, seconds = divmod(round(event.seconds_left), 60)
        self._bar.update(
            self._task,
            description=description,
            completed=event.step,
            total=self._steps,
            visible=True,
            figures=(
                f"{event.step}/{self._steps} loss {event.loss:.4f} {event.accuracy:.2%} "
                f"{event.images_per_second:,.0f} images/s {minutes}:{seconds:02} left"
            ),
        )


class RecordDisplay(TrainingDisplay):
    """Shows the events of a record: a line a seed, and how far the running one is."""

    def show(self, event: Event) -> None:
        """Show one event to a person."""
        match event:
            case events.Start():
                self._epochs, self._steps = event.epochs, event.steps_per_epoch
                self._seed = event.seed
            case events.Progress():
                self._advance(event, f"{self._seed}: {event.epoch}/{self._epochs}")
            case events.Stopped():
                self._print("Stopped and saved. The same command, without --restart, goes on")
            case events.End():
                self._bar.update(self._task, visible=False)
            case events.SeedEnd():
                spread = "" if event.std is None else f" ± {event.std:.2f}"
                self._print(
                    f"seed {event.seed:>3}: {event.accuracy:.2%}, {event.train_seconds:.1f} s; "
                    f"mean of {event.n}: {event.mean:.3f}{spread} %"
                )


class FineTuneDisplay(TrainingDisplay):
    """Shows the events of a fine-tuning: its progress, then before and after side by side."""

    def show(self, event: Event) -> None:
        """Show one event to a person."""
        match event:
            case events.FineTuneStart():
                self._epochs, self._steps = 1, event.steps
                self._print(
                    f"Teaching with {event.learn:,} drawings, {event.held_out:,} held out. "
                    f"Folder {event.run}"
                )
            case events.Progress():
                self._advance(event, f"{event.epoch:>3}/{self._epochs}")
            case events.Epoch():
                self._bar.update(self._task, visible=False)
                self._print(f"Trained in {event.seconds:.1f} s. Comparing ...")
            case events.Stopped():
                self._print("Stopped. Nothing has changed")
            case events.FineTuneEnd():
                self._show_end(event)

    def _show_end(self, event: events.FineTuneEnd) -> None:
        before, after = event.before, event.after
        self._print(f"{'':<38} {'before':>8} {'after':>8}")
        of = f"held-out drawings, of {after.drawings}"
        for name, old, new, form in (
            (f"{of}: correct", before.right, after.right, "d"),
            (f"{of}: rejected", before.rejected, after.rejected, "d"),
            ("MNIST test", before.test, after.test, ".2%"),
            ("MNIST test, rejected", before.test_rejected, after.test_rejected, ".2%"),
        ):
            self._print(f"{name:<38} {old:>8{form}} {new:>8{form}}")
        verdict = "It is served from now on; undo with: inkling teach --back"
        self._print(f"{event.why}. {verdict if event.better else 'Nothing has changed'}")


def _epoch_line(event: events.Epoch, epochs: int) -> str:
    validation = f"{'-':>8}   {'-':>8}"
    if event.validation_loss is not None:
        validation = f"{event.validation_loss:>8.4f}   {event.validation_accuracy:>8.2%}"
    return (
        f"{event.epoch:>3}/{epochs:<4} {event.loss:>8.4f}   {event.accuracy:>8.2%} {validation} "
        f"{event.seconds:>9.1f}"
    )
