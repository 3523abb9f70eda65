"""What the command line shows: images as heat maps, measures, records and boards as tables.

Colours and half blocks where the terminal has them, plain characters where it has not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from inkling.acceptance import Source
from inkling.experiments import events
from inkling.experiments.leaderboard import COLUMNS, Section, cells
from inkling.experiments.recipe import Recipe, flat
from inkling.experiments.records import Record
from inkling.exports import Compared
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


def heat_maps(
    images: NDArray[np.floating], captions: Sequence[str], console: Console, colour: bool = False
) -> RenderableType:
    """The images `(N, C, H, W)` in [0, 1] side by side, as many as fit, captions below.

    `colour` takes a heat scale instead of grey; three channels are red, green and blue.
    """
    painted = console.color_system is not None and console.encoding.startswith("utf")
    width = max(images.shape[-1], *(len(line) for text in captions for line in text.split("\n")))
    columns = max(1, (console.width + 2) // (width + 2))
    grid = Table.grid(padding=(0, 2, 1, 0))
    cells = [
        Text("\n").join(
            [_half_blocks(image, colour) if painted else _plain(image.mean(0)), Text(c)]
        )
        for image, c in zip(images, captions, strict=True)
    ]
    for start in range(0, len(cells), columns):
        grid.add_row(*cells[start : start + columns])
    return grid


def weight_maps(
    weights: NDArray[np.float32], captions: Sequence[str], console: Console
) -> RenderableType:
    """Weights `(N, C, H, W)` side by side, 0 as a middle grey; small ones are drawn twice as large.

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
    """Two rows of pixels to a line of text: the upper is the block, the lower its background.

    An image is `(1, H, W)`, or `(3, H, W)`, which has its own colours.
    """
    scale = HEAT if colour and len(image) == 1 else np.array([(0, 0, 0), (255, 255, 255)])
    stops = np.linspace(0, 1, len(scale))
    channels = np.broadcast_to(image, (3, *image.shape[1:]))
    shades = np.stack(
        [np.interp(one, stops, of) for one, of in zip(channels, scale.T, strict=True)], -1
    ).astype(int)
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


def source_table(sources: Sequence[Source], names: Sequence[str], promised: bool) -> Table:
    """Sources, one a row: how many are read right, accepted, and right of the accepted ones.

    `promised` says whether the bundle can say what it accepts.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), title_justify="left")
    table.add_column("")
    headings = ("n", "right", "calib.\nerror", "accepted", "of these\nright", "worst\nclasses")
    for heading in (*headings, "worst tenth\nof writers"):
        table.add_column(heading, justify="right")
    for source in sources:
        lowest = sorted(range(len(names)), key=lambda label: source.recall[label])[:2]
        accepted = "", ""
        if promised and source.accepted_accuracy is not None and source.accepted_interval:
            right = _share(source.accepted_accuracy, source.accepted_interval)
            accepted = f"{source.coverage:.1%}", right
        table.add_row(
            Text(source.name.replace(":", ":\n"), overflow="fold"),  # leaves room for the figures
            f"{source.n:,}",
            _share(source.accuracy, source.interval),
            f"{source.calibration_error:.2%}",
            *accepted,
            "\n".join(f"{names[label]} {source.recall[label]:.1%}" for label in lowest),
            "" if source.worst_writers is None else f"{source.worst_writers:.1%}",
        )
    return table


def compared_table(sizes: Sequence[tuple[int, int]], sources: Sequence[Compared]) -> Table:
    """Networks and what they read, before and after, one a row: bytes, then accuracies."""
    table = Table("", box=None, padding=(0, 1, 0, 0))
    for heading in ("n", "float32", "8 bits"):
        table.add_column(heading, justify="right")
    for name, both in zip(("digits", "numbers"), sizes, strict=False):
        table.add_row(f"{name}, bytes", "", *(f"{size:,}" for size in both))
    for one in sources:
        table.add_row(one.source, f"{one.n:,}", f"{one.before:.2%}", f"{one.after:.2%}")
    return table


def _share(share: float, interval: tuple[float, float]) -> str:
    """A share in per cent, with its 95 % interval below."""
    low, high = (100 * end for end in interval)
    return f"{share:.2%}\n{low:.2f}-{high:.2f}"


def describe(measures: Measures) -> str:
    """The figures of a Measures in two short lines."""
    low, high = measures.interval
    return (
        f"accuracy {measures.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}, "
        f"n = {measures.n:,})\nnegative log-likelihood {measures.negative_log_likelihood:.4f}, "
        f"calibration error {measures.calibration_error:.2%}"
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
    for heading in ("accuracy", "seeds", *COLUMNS):
        table.add_column(heading, justify="right")
    styles = {"record": "bold", "run": "green", "claim": "dim"}
    for row in section.rows:
        table.add_row(Text(row.name, overflow="fold"), *cells(row), style=styles[row.kind])
    return table
