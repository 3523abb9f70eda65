"""What values show of themselves in a notebook: HTML that needs nothing from elsewhere.

Colours are those of the page around it, light or dark: text has its colour, lines are of the same
one, faint. Everything that is shown is escaped.
"""

import base64
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkling.plots.images import as_picture, png

MAX_SHOWN = 60  # images of a sheet, or rows of a table
STYLE = """<style>
.inkling{font:13px/1.4 system-ui,sans-serif;color:inherit;max-width:60em}
.inkling table{font:inherit;border-collapse:collapse;margin:.4em 0;
font-variant-numeric:tabular-nums}
.inkling th,.inkling td{padding:.15em .7em;text-align:right;background:none;color:inherit;
border:0;border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}
.inkling th:first-child,.inkling td:first-child{text-align:left}
.inkling .tiles{display:flex;flex-wrap:wrap;gap:.4em;margin:.4em 0}
.inkling figure{margin:0;text-align:center;font-size:11px}
.inkling img{image-rendering:pixelated;display:block;background:#000}
.inkling .bar{display:inline-block;height:.7em;background:currentColor;opacity:.45}
.inkling .faint{opacity:.65}
</style>"""

Cell = str | int | float | None


def panel(title: str, *parts: str) -> str:
    """A title above parts, which are HTML."""
    return f'<div class="inkling">{STYLE}<b>{escape(title)}</b>{"".join(parts)}</div>'


def line(text: str, faint: bool = False) -> str:
    """A line of text."""
    return f"<div{' class=faint' * faint}>{escape(text)}</div>"


def image(picture: Image.Image, width: int, text: str) -> str:
    """A picture that is `width` pixels wide on the screen; `text` says what it shows."""
    content = base64.b64encode(png(picture)).decode()
    return f'<img width={width} alt="{escape(text)}" src="data:image/png;base64,{content}">'


def tiles(
    images: NDArray[np.float32], captions: Sequence[str], width: int = 42, of: int = 0
) -> str:
    """Images `(N, C, H, W)` in [0, 1], light ink on black, each with a caption; not all of many.

    `of` says how many there are, where only the first ones are given.
    """
    shown = [
        f"<figure>{image(as_picture(one), width, caption)}"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for one, caption in zip(images[:MAX_SHOWN], captions, strict=False)
    ]
    left = max(of, len(images)) - len(shown)
    more = line(f"and {left:,} more", faint=True) if left else ""
    return f'<div class="tiles">{"".join(shown)}</div>{more}'


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Rows below a head; of many, the first ones."""
    found = list(rows)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>"
        for row in found[:MAX_SHOWN]
    )
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    more = line(f"and {len(found) - MAX_SHOWN:,} more", True) if len(found) > MAX_SHOWN else ""
    return f"<table><tr>{names}</tr>{body}</table>{more}"


def strokes(paths: Iterable[Iterable[Sequence[float]]], pen: float, width: int = 112) -> str:
    """Strokes of points (x, y, ...) as lines `pen` wide, in a square `width` pixels wide.

    There must be a point.
    """
    lines = [[point[:2] for point in path] for path in paths]
    points = np.array([point for path in lines for point in path])
    corner, side = points.min(0) - pen / 2, float(np.ptp(points, 0).max() + pen)
    drawn = "".join(
        f'<path d="M{" L".join(f"{x:g},{y:g}" for x, y in [*path, path[-1]])}"/>'
        for path in lines
        if path
    )
    return (
        f'<svg width="{width}" height="{width}" role="img" fill="none" stroke="currentColor" '
        f'stroke-width="{pen:g}" stroke-linecap="round" stroke-linejoin="round" '
        f'viewBox="{corner[0]:g} {corner[1]:g} {side:g} {side:g}">{drawn}</svg>'
    )


def folded(summary: str, *parts: str) -> str:
    """Parts that are shown once the summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def bars(names: Sequence[str], shares: Sequence[float]) -> str:
    """Shares in [0, 1] as bars, a row each."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{share:.1%}</td><td style='text-align:left'>"
        f"<span class=bar style='width:{100 * share:.0f}px'></span></td></tr>"
        for name, share in zip(names, shares, strict=True)
    )
    return f"<table>{rows}</table>"


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return escape(f"{value:,}" if isinstance(value, int) else value)
