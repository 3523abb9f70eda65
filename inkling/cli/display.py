"""What the command line shows: images as heat maps, measures as tables, a training as it goes.

Colours and half blocks where the terminal has them, plain characters where it has not.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.style import Style
from rich.table import Table
from rich.text import Text

from inkling.experiments import events
from inkling.experiments.events import Event
from inkling.experiments.leaderboard import Section, cells
from inkling.experiments.recipe import Recipe, flat
from inkling.experiments.records import Record
from inkling.metrics import Measures, precision_recall
from inkling.plots.images import at_full_strength

RAMP = " .:-=+*#%@"  # from paper to ink, where there are no colours
HEAT = np.array([(0, 0, 0), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)])
MEASURES = {
    "loss": "loss, as augmented",
    "validation_loss": "validation loss",
    "accuracy": "accuracy, as augmented",
    "validation_accuracy": "validation accuracy",
}
Shown = Literal["live", "lines", "json", "nothing"]


def heat_maps(
    images: NDArray[np.floating], captions: Sequence[str], console: Console, colour: bool = False
) -> RenderableType:
    """The images `(N, 1, H, W)` in [0, 1] side by side, as many as fit, captions below.

    `colour` takes a heat scale instead of grey.
    """
    painted = console.color_system is not None and console.encoding.startswith("utf")
    width = max(images.shape[-1], *(len(line) for text in captions for line in text.split("\n")))
    columns = max(1, (console.width + 2) // (width + 2))
    grid = Table.grid(padding=(0, 2, 1, 0))
    cells = [
        Text("\n").join([_half_blocks(image[0], colour) if painted else _plain(image[0]), Text(c)])
        for image, c in zip(images, captions, strict=True)
    ]
    for start in range(0, len(cells), columns):
        grid.add_row(*cells[start : start + columns])
    return grid


def weight_maps(
    weights: NDArray[np.float32], captions: Sequence[str], console: Console
) -> RenderableType:
    """Weights `(N, 1, H, W)` side by side, 0 as a middle grey; small ones are drawn twice as large.

    Each unit's largest weight is at full strength.
    """
    if weights.shape[-1] < 14:
        weights = weights.repeat(2, 2).repeat(2, 3)
    images = (1 + at_full_strength(weights)) / 2
    odd = images.shape[2] % 2  # a line of text holds two rows
    images = np.pad(images, ((0, 0), (0, 0), (0, odd), (0, 0)), constant_values=0.5)
    return heat_maps(images, captions, console)


def curves(runs: Mapping[str, Sequence[events.Epoch]], console: Console) -> RenderableType:
    """Loss and accuracy of runs, from their epochs: the first value, the curve, the last value.

    Runs share a scale, so that their curves can be compared.
    """
    parts: list[RenderableType] = []
    for name, epochs in runs.items():
        table = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
        for key, title in MEASURES.items():
            values = _values(epochs, key)
            if not values:
                continue
            known = [value for others in runs.values() for value in _values(others, key)]
            form = "{:.2%}" if key.endswith("accuracy") else "{:.4f}"
            first, last = form.format(values[0]), form.format(values[-1])
            curve = _curve(values, min(known), max(known), console)
            table.add_row(f"  {title}", Text(first, justify="right"), curve, last)
        parts += [Text(name, "bold", no_wrap=True), table]
    return Group(*parts)


def _values(epochs: Sequence[events.Epoch], key: str) -> list[float]:
    return [value for epoch in epochs if (value := getattr(epoch, key)) is not None]


def _curve(values: Sequence[float], lowest: float, highest: float, console: Console) -> str:
    """A character a value, of at most 30 values spread over all."""
    steps = "▁▂▃▄▅▆▇█" if console.encoding.startswith("utf") else "01234567"
    chosen = np.linspace(0, len(values) - 1, min(len(values), 30)).round().astype(int)
    heights = (np.array(values)[chosen] - lowest) / (highest - lowest or 1)
    return "".join(steps[round(height * 7)] for height in heights)


def _half_blocks(image: NDArray[np.floating], colour: bool) -> Text:
    """Two rows of pixels to a line of text: the upper is the block, the lower its background."""
    scale = HEAT if colour else np.array([(0, 0, 0), (255, 255, 255)])
    stops = np.linspace(0, 1, len(scale))
    shades = np.stack([np.interp(image, stops, channel) for channel in scale.T], -1).astype(int)
    text = Text()
    for upper, lower in zip(shades[::2], shades[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", Style.parse(f"rgb({_triple(above)}) on rgb({_triple(below)})"))
        text.append("\n")
    text.right_crop(1)
    return text


def _triple(shade: NDArray[np.int_]) -> str:
    return ",".join(str(value) for value in shade)


def _plain(image: NDArray[np.floating]) -> Text:
    means = (image[::2] + image[1::2]) / 2
    steps = np.minimum((means * len(RAMP)).astype(int), len(RAMP) - 1)
    return Text("\n".join("".join(RAMP[step] for step in row) for row in steps))


def confusion_table(counts: NDArray[np.int64], names: Sequence[str]) -> Table:
    """The counts `(K, K)`, rows true, columns predicted, with recall and precision in per cent.

    Columns are numbered as the rows are.
    """
    precision, recall = precision_recall(counts)
    table = Table(title="Confusion: rows true, columns predicted", box=None, padding=(0, 1, 0, 0))
    numbered = [name if name == str(i) else f"{i} {name}" for i, name in enumerate(names)]
    table.add_column("")
    for index in range(len(names)):
        table.add_column(str(index), justify="right")
    table.add_column("recall", justify="right")
    for row, name in enumerate(numbered):
        cells = [
            Text(
                str(count) if count else "·", "bold" if row == column else "red" if count else "dim"
            )
            for column, count in enumerate(counts[row])
        ]
        table.add_row(name, *cells, f"{recall[row]:.1%}")
    table.add_row("precision", *(f"{100 * share:.1f}" for share in precision))
    return table


def recipe_list(recipes: Sequence[Recipe]) -> Table:
    """Each recipe: its name, what it is for, and what differs from the defaults."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    default = flat(Recipe(name="", about="", model="", dataset=""))
    for recipe in recipes:
        table.add_row(recipe.name, recipe.about)
        values = [
            f"{key}={value}"
            for key, value in flat(recipe).items()
            if key not in ("name", "about") and value != default[key]
        ]
        table.add_row("", Text(" ".join(values), "dim"))
    return table


def recipe_table(recipe: Recipe) -> Table:
    """Every value of a recipe."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for key, value in flat(recipe).items():
        table.add_row(key, str(value))
    return table


def describe(measures: Measures) -> str:
    """The figures of a Measures in two short lines."""
    low, high = measures.interval
    return (
        f"accuracy {measures.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}, "
        f"n = {measures.n:,})\nnegative log-likelihood {measures.negative_log_likelihood:.4f}, "
        f"calibration error {measures.calibration_error:.2%}"
    )


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
                    f"Teaching with {event.learn} drawings, {event.held_out} held out. "
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


def describe_record(record: Record, path: Path) -> str:
    """A record in three lines."""
    low, high = record.interval
    spread = "" if record.std is None else f" ± {record.std:.3f}"
    corrected = record.mean_corrected
    return (
        f"{record.recipe.name}: {record.mean:.3f}{spread} % (95 % interval {low:.2f} to "
        f"{high:.2f} %, {record.n} seeds)"
        + ("" if corrected is None else f", corrected {corrected:.3f} %")
        + f"\n{record.train_seconds:.1f} s of training at the median, "
        f"{record.images_per_second:,} images/s, {record.device}, "
        f"{record.threads} threads; commit {record.commit}\nRecord {path}"
    )


def board_table(section: Section) -> Table:
    """A section of a board, the best first."""
    table = Table(title=section.title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for heading in ("accuracy", "seeds", "training", "epochs", "parameters"):
        table.add_column(heading, justify="right")
    styles = {"record": "bold", "run": "green", "claim": "dim"}
    for row in section.rows:
        table.add_row(Text(row.name, overflow="fold"), *cells(row), style=styles[row.kind])
    return table
