"""Charts as PNG pictures, by matplotlib: curves over epochs, lines and bars."""

import io
from collections.abc import Mapping, Sequence
from typing import Protocol

from PIL import Image

from inkling.errors import MissingExtra

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ImportError as cause:
    raise MissingExtra("A chart", str(cause.name), "train") from cause


class Epoch(Protocol):
    """An epoch of a training, as in experiments.events."""

    @property
    def epoch(self) -> int:
        """Its number, from 1 on. `curves` also reads its figures by name."""


def curves(runs: Mapping[str, Sequence[Epoch]]) -> Image.Image:
    """Loss and accuracy of runs over their epochs.

    A dashed line is training, a solid line validation.
    """
    figure = Figure(figsize=(10, 4 + 0.2 * len(runs)), layout="constrained")
    drawn = {}
    for axes, kind in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for number, (name, epochs) in enumerate(runs.items()):
            for key, line in ((kind, "--"), (f"validation_{kind}", "-")):
                points = [
                    (epoch.epoch, value)
                    for epoch in epochs
                    if (value := getattr(epoch, key)) is not None
                ]
                if points:
                    shown = name.replace("$", r"\$")  # else it is typeset as mathematics
                    label = f"{shown}, {'validation' if key != kind else 'training, as augmented'}"
                    marker = "o" if len(points) == 1 else None
                    (drawn[label],) = axes.plot(
                        *zip(*points, strict=True), line, c=f"C{number}", marker=marker
                    )
        axes.set(xlabel="epoch", ylabel=kind)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    figure.legend(
        drawn.values(), drawn, loc="outside lower center", ncols=2, fontsize="small", frameon=False
    )
    return _picture(figure)


def lines(series: Mapping[str, Sequence[float]], across: str, up: str) -> Image.Image:
    """Each series of values as a line that begins at x = 1; `across` and `up` name the axes."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in series.items():
        axes.plot(range(1, len(values) + 1), values, label=name)
    axes.set(xlabel=across, ylabel=up)
    axes.grid(alpha=0.3)
    axes.legend()
    return _picture(figure)


def bars(names: Sequence[str], values: Sequence[float], title: str) -> Image.Image:
    """Positive values as horizontal bars on a logarithmic scale, the first on top."""
    figure = Figure(figsize=(10, 0.5 * len(names) + 1), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(names, values)
    axes.bar_label(drawn, fmt="%.3g", padding=3)
    axes.set(xscale="log", xlabel=title)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return _picture(figure)


def _picture(figure: Figure) -> Image.Image:
    FigureCanvasAgg(figure)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return Image.open(content)
