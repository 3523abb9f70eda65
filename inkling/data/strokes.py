"""Pen strokes with a label and a writer: read, written, and rendered as a reader renders them.

A data set of strokes is a folder of JSON lines, packed by gzip: KIND-PART.jsonl.gz, where KIND is
digits, letters, symbols or numbers, and PART is train or dev. No writer is in two parts.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling import ink
from inkling.errors import DataError, InkError

# How the label of a number differs from what was written, by data set. CROHME's points were often
# drawn as commas; UNIPEN's labels leave thousands commas out.
LENIENT = {"crohme": (",", "."), "unipen": (",", "")}
SIDE = 1000  # of the longer side of an item, to which strokes are scaled
Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Item:
    """What a person wrote, and what it shows."""

    label: str  # as "7", "a" or "12.5"
    writer: str  # an opaque id, the same for all that one person wrote
    strokes: tuple[Points, ...]  # each (n, 2): x to the right, y down, in any unit

    @property
    def digest(self) -> str:
        """What tells its label and strokes from those of others: 16 hex digits."""
        content = json.dumps([self.label, _listed(self.strokes)])
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def scaled(strokes: Sequence[Points]) -> tuple[Points, ...]:
    """Strokes whose longer side is SIDE, from 0 on; points rounded, none twice in a row."""
    points = np.concatenate(strokes)
    low = points.min(0)
    side = max(float(np.ptp(points, 0).max()), 1e-9)
    found = []
    for stroke in strokes:
        whole = np.rint((stroke - low) * (SIDE / side))
        moved = np.ones(len(whole), bool)
        moved[1:] = (np.diff(whole, axis=0) != 0).any(1)
        found.append(whole[moved])
    return tuple(found)


def says(dataset: str, label: str, text: str) -> bool:
    """Whether a text is what the label of a number says, as far as the labels of a data set go."""
    old, new = LENIENT.get(dataset, ("", ""))
    return text.replace(old, new) == label.replace(old, new) if old else text == label


def from_json_lines(content: bytes, name: str) -> list[Item]:
    """The items of JSON lines, packed or not. `name` stands in the message of a DataError.

    A line is an object with label, strokes and perhaps a writer, or one of `inkling drawings
    export`, whose session stands for the writer.
    """
    lines = text_of(content, name).split("\n")
    return [item(line, f"{name} line {n}") for n, line in enumerate(lines, 1) if line.strip()]


def text_of(content: bytes, name: str) -> str:
    """The text of a file, which may be packed by gzip. Raises DataError."""
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as cause:
        raise DataError(
            f"{name}: expected whole text in UTF-8, packed by gzip or not, but {cause}",
            "Copy or fetch it again",
        ) from cause


def to_json_lines(items: Iterable[Item]) -> bytes:
    """The items as JSON lines, packed by gzip, the same bytes each time."""
    rows = (
        {"label": item.label, "writer": item.writer, "strokes": _listed(item.strokes)}
        for item in items
    )
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    return gzip.compress(text.encode(), mtime=0)


def render(items: Sequence[Item]) -> NDArray[np.uint8]:
    """The images `(N, 1, 28, 28)` in 0..255 that a reader sees of these items."""
    pixels = np.zeros((len(items), 1, ink.SIDE, ink.SIDE), np.uint8)
    for index, item in enumerate(items):
        pixels[index] = np.rint(ink.to_image(ink.Drawing(item.strokes)) * 255)
    return pixels


def item(line: str, where: str) -> Item:
    """The item of one line. Raises DataError."""
    try:
        values: dict[str, Any] = json.loads(line)
        drawing = ink.Drawing(values["strokes"])
        label = values.get("name") or str(values["label"])
        strokes = [
            np.array([point[:2] for point in stroke]) for stroke in drawing.strokes if stroke
        ]
        if not strokes:
            raise ValueError("it has no points")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InkError) as cause:
        what = cause.error if isinstance(cause, InkError) else f"{type(cause).__name__}: {cause}"
        raise DataError(
            f'{where}: expected {{"label": ..., "strokes": [[[x, y], ...], ...]}}, but {what}',
            "Mend or remove that line",
        ) from cause
    return Item(label, str(values.get("writer") or values.get("session") or ""), tuple(strokes))


def _listed(strokes: Sequence[Points]) -> list[list[list[int | float]]]:
    """Strokes as lists of numbers, whole numbers without a point."""
    return [
        [[int(x) if x == int(x) else float(x) for x in point] for point in stroke]
        for stroke in strokes
    ]
