"""Drawings -> files: IDX as MNIST's, a folder of PNG, Parquet, JSON lines; the last also back.

Beside a table, croissant.json says what it holds.
"""

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from inkling.data import idx
from inkling.drawings import croissant
from inkling.drawings.store import NUMBER, Labelled, Store
from inkling.errors import InkError, MissingExtra, StoreError
from inkling.files import atomically, write_atomically
from inkling.ink import SIDE, Frame, to_image

Form = Literal["idx", "png", "parquet", "jsonl"]
LINES = "drawings.jsonl"
TABLE = "drawings.parquet"
IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
ROWS, PIECES = 100, 10  # of a table: made together, as objects; and written together
_LABELLED = TypeAdapter(Labelled)
Item = TypeVar("Item")
Read = tuple[Labelled, NDArray[np.float32]]  # and its image `(1, 28, 28)` in [0, 1]


class Watch(Protocol):
    """Passes items on, and shows how many of them all have passed."""

    def __call__(self, items: Iterable[Item], total: int | None) -> Iterable[Item]:
        """The items; `total` of them, if that is known."""


def unwatched(items: Iterable[Item], total: int | None) -> Iterable[Item]:  # noqa: ARG001
    """The items; nobody watches."""
    return items


def export(
    drawings: Iterable[Labelled], folder: Path, form: Form, skip: Callable[[InkError], object]
) -> int:
    """Write drawings to a folder; how many. Raises StoreError or MissingExtra where it cannot.

    A number is no image of 28x28 pixels: it is left out. One that cannot be read as an image is
    left out, and `skip` gets an error that names it. As JSON lines, all are written.

    "idx": their images and labels as MNIST's two training files. "png": each image in the folder
    of its label. "parquet": a column for each field, and the image as its 784 bytes, row by row,
    ink high. "jsonl": everything, an object a line, pictures as base64. Beside these two,
    croissant.json describes them.
    """
    digits = (drawing for drawing in drawings if isinstance(drawing.label, int))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "jsonl":
            return _lines(folder, drawings)
        write = {"idx": _idx, "png": _png, "parquet": _parquet}[form]
        return write(folder, readable(digits, skip))
    except OSError as cause:
        raise StoreError(
            f"{folder}: expected a folder to write to, but {cause.strerror}", "Name another"
        ) from cause


def readable(
    drawings: Iterable[Labelled], skip: Callable[[InkError], object], frame: Frame = "digit"
) -> Iterator[tuple[Labelled, NDArray[np.float32]]]:
    """Each drawing with its image `(1, 28, 28)` in [0, 1]; `skip` gets the error of the others."""
    for drawing in drawings:
        try:
            image = to_image(drawing.source, frame)
        except InkError as error:
            skip(InkError(f"Drawing {drawing.id}: {error.error}", error.hint))
            continue
        yield drawing, image


def take_in(store: Store, file: Path, watch: Watch = unwatched) -> int:
    """Add the drawings of a file of JSON lines to a store, all or none; how many are new there.

    One that the store holds already is not added again; the part of each comes with it. The file
    is read twice: all of it is checked before others wait for what is added.
    """
    try:
        with file.open("rb") as given, _seekable(given) as lines:
            count = 0
            for count, line in watch(_numbered(lines), None):
                _check(line, f"{file} line {count}")
            lines.seek(0)
            new = (_new(line) for _, line in watch(_numbered(lines), count))
            return store.add_new(new)
    except (OSError, ValueError) as cause:
        raise StoreError(
            f"{file}: expected JSON lines, but it cannot be read", "Check the path"
        ) from cause


def to_line(drawing: Labelled) -> str:
    """A drawing as a JSON object, its picture as base64."""
    picture = base64.b64encode(drawing.picture or b"").decode() or None
    return json.dumps(drawing.to_json() | {"picture": picture})


def from_line(line: str) -> Labelled:
    """The drawing of such an object. Raises ValueError."""
    drawing = _LABELLED.validate_python(_of_today(json.loads(line)))
    picture = base64.b64decode(drawing.picture, validate=True) if drawing.picture else None
    return replace(drawing, picture=picture)


def reason(cause: Exception) -> str:
    """What is wrong with a line or its file, in a few words."""
    if isinstance(cause, ValidationError):
        first = cause.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    if isinstance(cause, InkError):
        return cause.error
    return str(getattr(cause, "strerror", None) or cause).partition("\n")[0]


def _idx(folder: Path, readable: Iterable[Read]) -> int:
    """Write images and labels; their number, which comes first, is known in the end."""
    labels = bytearray()
    images_name, labels_name = IDX_NAMES
    with atomically(folder / images_name) as images, atomically(folder / labels_name) as file:
        images.write(idx.header(0, SIDE, SIDE))
        for drawing, image in readable:
            images.write(_bytes_of(image))
            labels.append(int(drawing.label))
        images.seek(0)
        images.write(idx.header(len(labels), SIDE, SIDE))
        file.write(idx.header(len(labels)) + labels)
    return len(labels)


def _png(folder: Path, readable: Iterable[Read]) -> int:
    """Write pictures, in a folder that is gone when they have come to their places."""
    if any(folder.glob("*/*.png")):
        raise StoreError(
            f"{folder}: expected a folder without pictures, for old ones would stay among new",
            "Name a new one",
        )
    count, part = 0, folder / "pictures.part"
    shutil.rmtree(part, ignore_errors=True)  # of an export that was killed
    try:
        for drawing, image in readable:
            place = part / str(drawing.label)
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.frombuffer(_bytes_of(image), np.uint8).reshape(SIDE, SIDE)
            Image.fromarray(pixels).save(place / f"{drawing.id}.png")
            count += 1
        for place in list(part.glob("*")):
            place.replace(folder / place.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def _parquet(folder: Path, readable: Iterable[Read]) -> int:
    """Write a table, some rows at a time. Raises MissingExtra."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own keeps 25 MB more
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as cause:
        raise MissingExtra("A Parquet file", "pyarrow", "parquet") from cause
    point = pyarrow.list_(pyarrow.float64())
    columns = {
        "id": pyarrow.int64(),
        "created": pyarrow.string(),
        "session": pyarrow.string(),
        "dataset": pyarrow.string(),
        "name": pyarrow.string(),
        "held_out": pyarrow.bool_(),
        "label": pyarrow.int64(),
        "reading": pyarrow.int64(),
        "confidence": pyarrow.float64(),
        "ood_score": pyarrow.float64(),
        "accepted": pyarrow.bool_(),
        "model_sha256": pyarrow.string(),
        "strokes": pyarrow.list_(pyarrow.list_(point)),
        "pen": pyarrow.float64(),
        "picture": pyarrow.binary(),
        "idempotency_key": pyarrow.string(),
        "image": pyarrow.binary(SIDE * SIDE),
    }
    count, schema = 0, pyarrow.schema(columns)
    rows = (vars(drawing) | {"image": _bytes_of(image)} for drawing, image in readable)
    with (
        atomically(folder / TABLE) as file,
        parquet.ParquetWriter(file, schema) as table,
    ):
        pieces = (
            pyarrow.Table.from_pylist(some, schema)
            for some in iter(lambda: list(islice(rows, ROWS)), [])
        )
        while group := list(islice(pieces, PIECES)):
            table.write_table(pyarrow.concat_tables(group))
            count += sum(len(piece) for piece in group)
    _describe(folder / TABLE, count)
    return count


def _lines(folder: Path, drawings: Iterable[Labelled]) -> int:
    """Write a line each."""
    count = 0
    with atomically(folder / LINES) as file:
        for drawing in drawings:
            file.write(f"{to_line(drawing)}\n".encode())
            count += 1
    _describe(folder / LINES, count)
    return count


def _describe(file: Path, drawings: int) -> None:
    """Write what a table holds beside it."""
    write_atomically(file.with_name(croissant.NAME), croissant.describe(file, drawings))


def _bytes_of(image: NDArray[np.float32]) -> bytes:
    """The pixels of an image `(1, 28, 28)`, row by row, ink high."""
    pixels: NDArray[np.uint8] = (image[0] * 255).round().astype(np.uint8)
    return pixels.tobytes()


def _of_today(values: Any) -> Any:
    """The values of a line of before 0.7.0, by today's names; others as they are."""
    if isinstance(values, dict) and "evidence" in values:
        values = values | {"ood_score": -values.pop("evidence")}
        values["idempotency_key"] = values.pop("sending", None)
    return values


def _numbered(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, as other tools may leave them, with their numbers."""
    for number, line in enumerate(file, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        if text.strip():
            yield number, text


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or a copy of what comes through a pipe."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


def _new(line: str) -> Labelled:
    """The drawing of a line, as a new one. Raises ValueError."""
    return replace(from_line(line), idempotency_key=None, id=0)


def _check(line: str, where: str) -> None:
    """See that a line is a drawing that can be read, of a digit or a number. Raises StoreError."""
    try:
        drawing = _new(line)
        to_image(drawing.source)
        if not (_is_label(drawing.label) and type(drawing.label) is type(drawing.reading)):
            raise ValueError(f"its label is {drawing.label!r}, read as {drawing.reading!r}")
    except (ValueError, InkError) as cause:
        raise StoreError(
            f"{where}: expected a drawing as it was exported, but {reason(cause)}",
            "Nothing was added; mend or remove that line",
        ) from cause


def _is_label(label: int | str) -> bool:
    return bool(NUMBER.fullmatch(label)) if isinstance(label, str) else label in range(10)
