"""Drawings -> files: IDX as MNIST's, a folder of PNG, Parquet, JSON lines; the last also back.

Beside a table, croissant.json says what it holds.
"""

import base64
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from inkling.data import idx
from inkling.drawings import croissant
from inkling.drawings.store import NUMBER, Labelled, Store
from inkling.errors import InkError, MissingExtra, StoreError
from inkling.files import write_atomically
from inkling.ink import SIDE, Frame, to_image

Form = Literal["idx", "png", "parquet", "jsonl"]
LINES = "drawings.jsonl"
TABLE = "drawings.parquet"
IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
_LABELLED = TypeAdapter(Labelled)


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "jsonl":
            lines = [to_line(drawing) for drawing in drawings]
            content = "".join(f"{line}\n" for line in lines).encode()
            _write_described(folder / LINES, content, len(lines))
            return len(lines)
        chosen, images = [], []
        digits = (drawing for drawing in drawings if isinstance(drawing.label, int))
        for drawing, image in readable(digits, skip):
            chosen.append(drawing)
            images.append((image[0] * 255).round().astype(np.uint8))
        if form == "idx":
            labels = np.array([drawing.label for drawing in chosen], np.uint8)
            pixels = np.stack(images) if images else np.zeros((0, SIDE, SIDE), np.uint8)
            for name, array in zip(IDX_NAMES, (pixels, labels), strict=True):
                write_atomically(folder / name, idx.serialize(array))
            return len(chosen)
        if form == "parquet":
            _write_described(folder / TABLE, _table(chosen, images), len(chosen))
            return len(chosen)
        if any(folder.glob("*/*.png")):
            raise StoreError(
                f"{folder}: expected a folder without pictures, for old ones would stay among new",
                "Name a new one",
            )
        for drawing, pixels in zip(chosen, images, strict=True):
            (folder / str(drawing.label)).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / str(drawing.label) / f"{drawing.id}.png")
    except OSError as cause:
        raise StoreError(
            f"{folder}: expected a folder to write to, but {cause.strerror}", "Name another"
        ) from cause
    return len(chosen)


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


def take_in(store: Store, file: Path) -> int:
    """Add the drawings of a file of JSON lines to a store, all or none; how many are new there.

    One that the store holds already is not added again; the part of each comes with it.
    """
    try:
        lines = file.read_bytes().decode("utf-8-sig").split("\n")  # as other tools may leave it
    except (OSError, ValueError) as cause:
        raise StoreError(
            f"{file}: expected JSON lines, but it cannot be read", "Check the path"
        ) from cause
    drawings = [
        _from_line(line, f"{file} line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    known = {_content(drawing) for drawing in store.each()}
    new = [drawing for drawing in drawings if _content(drawing) not in known]
    store.add_all(new)
    return len(new)


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


def _write_described(file: Path, content: bytes, drawings: int) -> None:
    """Write a table, and what it holds beside it."""
    write_atomically(file, content)
    write_atomically(
        file.with_name(croissant.NAME), croissant.describe(file.name, content, drawings)
    )


def _table(drawings: list[Labelled], images: list[NDArray[np.uint8]]) -> bytes:
    """The Parquet file of drawings and their images. Raises MissingExtra."""
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
    rows = [
        asdict(drawing) | {"image": image.tobytes()}
        for drawing, image in zip(drawings, images, strict=True)
    ]
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, pyarrow.schema(columns)), file)
    return file.getvalue()


def _content(drawing: Labelled) -> tuple[str, str, str, bytes | None]:
    """What tells a drawing from others, whatever its number and label."""
    return drawing.created, drawing.session, json.dumps(drawing.strokes), drawing.picture


def _of_today(values: Any) -> Any:
    """The values of a line of before 0.7.0, by today's names; others as they are."""
    if isinstance(values, dict) and "evidence" in values:
        values = values | {"ood_score": -values.pop("evidence")}
        values["idempotency_key"] = values.pop("sending", None)
    return values


def _from_line(line: str, where: str) -> Labelled:
    """A new drawing of a line, checked: it can be read, and shows a digit or a number.

    Raises StoreError.
    """
    try:
        drawing = replace(from_line(line), idempotency_key=None, id=0)
        to_image(drawing.source)
        if not (_is_label(drawing.label) and type(drawing.label) is type(drawing.reading)):
            raise ValueError(f"its label is {drawing.label!r}, read as {drawing.reading!r}")
    except (ValueError, InkError) as cause:
        raise StoreError(
            f"{where}: expected a drawing as it was exported, but {reason(cause)}",
            "Nothing was added; mend or remove that line",
        ) from cause
    return drawing


def _is_label(label: int | str) -> bool:
    return bool(NUMBER.fullmatch(label)) if isinstance(label, str) else label in range(10)
