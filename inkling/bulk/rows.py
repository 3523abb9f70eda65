"""A part -> its readings, as rows of a table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from inkling import ink
from inkling.bulk.places import Part, header, opened
from inkling.errors import InkError, InklingError
from inkling.reading import many
from inkling.reading.formats import Constraints
from inkling.reading.numbers import Number
from inkling.reading.reader import Reader, Reading

AT_ONCE = 512  # images that the network reads together
COLUMNS = ("strokes", "picture", "image")  # of a table; of a row, the first that is filled is read

What = Literal["digit", "number", "lines"]

SCHEMA = pyarrow.schema(
    {
        "source": pyarrow.string(),  # the file
        "item": pyarrow.int64(),  # the number of an image, a row of the table, or a page; from 0
        "line": pyarrow.int64(),  # of several rows on a page; from 0
        "text": pyarrow.string(),  # what it reads as: the name of a class, or a number
        "label": pyarrow.int64(),  # of a digit, its class
        "confidence": pyarrow.float64(),
        "accepted": pyarrow.bool_(),
        "error": pyarrow.string(),  # why there is no reading
        "model": pyarrow.string(),  # the SHA-256 of the bundle
    }
)


@dataclass(frozen=True)
class Options:
    """How everything is read; see `Reader.read_number`."""

    what: What = "digit"
    min_accuracy: float | None = None
    constraints: Constraints = field(default_factory=Constraints)


def read(part: Part, reader: Reader, options: Options) -> pyarrow.Table:
    """The rows of a part: of what cannot be read, its error."""
    rows = {"pictures": _pictures, "images": _images, "table": _table}[part.kind]
    digest = (reader if options.what == "digit" else reader.lines).card.model_sha256
    found = [row | {"model": digest} for row in rows(part, reader, options)]
    return pyarrow.Table.from_pylist(found, SCHEMA)


def failed(part: Part, error: str) -> pyarrow.Table:
    """The rows of a part that cannot be read at all."""
    is_pictures = part.kind == "pictures"
    places = part.places if is_pictures else part.places * part.count
    items = [0 if is_pictures else part.start + index for index in range(part.count)]
    rows = [
        {"source": place, "item": item, "error": error}
        for place, item in zip(places, items, strict=True)
    ]
    return pyarrow.Table.from_pylist(rows, SCHEMA)


def _pictures(part: Part, reader: Reader, options: Options) -> Iterator[dict[str, Any]]:
    """Every page of every file."""
    for place in part.places:
        try:
            pages = ink.pages(opened(place).read())
            count = len(pages)
        except (InklingError, OSError) as error:
            yield {"source": place, "item": 0, "error": _why(error)}
            continue
        for page in range(count):
            try:
                picture = pages[page]
            except InkError as error:
                yield {"source": place, "item": page, "error": _why(error)}
                continue
            yield from _source(place, page, picture, reader, options)


def _images(part: Part, reader: Reader, options: Options) -> Iterator[dict[str, Any]]:
    """Some images of a file of many."""
    (place,) = part.places
    filesystem, path, _ = opened(place)
    with filesystem.open_input_file(path) as file:
        _, dtype = header(file)
        size = ink.SIDE**2 * dtype.itemsize
        file.seek(file.tell() + part.start * size)
        content = file.read(part.count * size)
    pixels = np.frombuffer(content, dtype).reshape(-1, 1, ink.SIDE, ink.SIDE)
    items = range(part.start, part.start + len(pixels))
    if options.what == "digit" and reader.card.frame != "picture":
        yield from _digits(place, items, pixels, reader, options)
    else:
        for item, image in zip(items, pixels, strict=True):
            yield from _source(place, item, image[0], reader, options)


def _table(part: Part, reader: Reader, options: Options) -> Iterator[dict[str, Any]]:
    """The rows of a part of a table."""
    (place,) = part.places
    filesystem, path, _ = opened(place)
    with filesystem.open_input_file(path) as content:
        file = parquet.ParquetFile(content)
        names = {*file.schema_arrow.names}
        if names.isdisjoint(COLUMNS):
            error = f"Expected a column {', '.join(COLUMNS)}; the table has none"
            yield from failed(part, error).to_pylist()
            return
        columns = [name for name in (*COLUMNS, "pen") if name in names]
        rows = file.read_row_group(part.group, columns=columns).to_pylist()
    for item, row in enumerate(rows, part.start):
        try:
            source = _of_row(row)
        except InklingError as error:
            yield {"source": place, "item": item, "error": _why(error)}
            continue
        yield from _source(place, item, source, reader, options)


def _of_row(row: dict[str, Any]) -> ink.Source:
    """What a row of a table shows. Raises InkError."""
    if (strokes := row.get("strokes")) is not None:
        value = json.loads(strokes) if isinstance(strokes, str) else strokes
        return ink.Drawing(value, row.get("pen") or ink.DEFAULT_PEN)
    content = row.get("picture") or row.get("image")
    if isinstance(content, dict):  # as Hugging Face's data sets have images
        content = content.get("bytes")
    if isinstance(content, bytes) and len(content) == ink.SIDE**2:
        return np.frombuffer(content, np.uint8).reshape(ink.SIDE, ink.SIDE)
    if content is None:
        raise InkError("Expected a picture or strokes, got nothing", "Leave the row out")
    source: ink.Source = content
    return source


def _digits(
    place: str, items: range, pixels: NDArray[Any], reader: Reader, options: Options
) -> Iterator[dict[str, Any]]:
    """Images `(N, 1, 28, 28)` of digits, many at once."""
    names, scale = reader.card.classes, np.float32(255 if pixels.dtype == np.uint8 else 1)
    for start in range(0, len(pixels), AT_ONCE):
        images = pixels[start : start + AT_ONCE].astype(np.float32) / scale
        if not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
            for item, image in zip(items[start : start + AT_ONCE], images, strict=True):
                yield from _source(place, item, image[0], reader, options)
            continue
        found = many.read(reader, images, options.min_accuracy)
        for index, item in enumerate(items[start : start + AT_ONCE]):
            label = int(found.labels[index])
            yield {
                "source": place,
                "item": item,
                "text": names[label],
                "label": label,
                "confidence": float(found.confidences[index]),
                "accepted": found.accepted[index],
            }


def _source(
    place: str, item: int, source: ink.Source, reader: Reader, options: Options
) -> Iterator[dict[str, Any]]:
    """A row for what one source shows: of lines, one each."""
    row = {"source": place, "item": item}
    try:
        if options.what == "digit":
            found: tuple[Reading | Number, ...] = (reader.read(source, options.min_accuracy),)
        elif options.what == "number":
            found = (reader.read_number(source, options.min_accuracy, options.constraints),)
        else:
            found = reader.read_lines(source, options.min_accuracy, options.constraints)
    except InklingError as error:
        yield row | {"error": _why(error)}
        return
    for line, reading in enumerate(found):
        yield row | {
            "line": line if options.what == "lines" else None,
            "text": reading.name if isinstance(reading, Reading) else reading.text,
            "label": reading.label if isinstance(reading, Reading) else None,
            "confidence": reading.confidence,
            "accepted": reading.accepted,
        }


def _why(error: Exception) -> str:
    """An error in a line."""
    if isinstance(error, InklingError):
        return f"{error.error}. {error.hint}."
    return str(error).partition("\n")[0]
