"""Many images in one request. Their readings come as they are made, each as a line of JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from numpy.typing import NDArray
from starlette.datastructures import UploadFile

from inkling import ink, system
from inkling.data import arrays
from inkling.errors import InkError, InklingError, NothingDrawn, TooLarge
from inkling.reading import many
from inkling.reading.answers import of_reading
from inkling.reading.reader import Reader
from inkling.reading.registry import Served
from inkling.web import monitoring
from inkling.web.reading import READ_NUMBERS
from inkling.web.schemas import (
    MAX_STROKES_BYTES,
    READ_BODY,
    MinAccuracy,
    Problem,
    WhatIsRead,
    source_of_json,
)
from inkling.web.state import Current, State

MAX_IMAGES = 20_000  # of a request
AT_ONCE = 250  # images that a thread reads: other requests wait some hundredths of a second
NDJSON = "application/x-ndjson"
WORDS = {True: "true", False: "false", None: "null"}
EXAMPLE = 'For example: {"drawings": [{"strokes": [[[150, 60], [190, 40], [190, 340]]]}]}'
OUT_OF_RANGE = InkError("Expected floats in [0, 1], got others", "Divide by the largest value")
BLANK = NothingDrawn("Expected ink, but there is none in this image", "Ink is high, paper is 0")
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_FILES = {"type": "array", "items": _BYTES["schema"]}
_DRAWING: Any = READ_BODY["content"]
_DRAWINGS = {"type": "array", "items": _DRAWING["application/json"]["schema"]}
BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _FILES}}},
        "application/x-npy": _BYTES,
        "application/octet-stream": _BYTES,
        "application/json": {"schema": {"type": "object", "properties": {"drawings": _DRAWINGS}}},
        NDJSON: _BYTES,
    },
}

Source = Callable[[], ink.Source]  # it may raise InkError
Images = NDArray[Any]  # (N, 1, 28, 28), uint8 or floats

router = APIRouter()


@dataclass(frozen=True)
class Options:
    """The query."""

    min_accuracy: MinAccuracy = None
    number: WhatIsRead = False
    probabilities: Annotated[bool, Query(description="Answer those of every class, too")] = False


@router.post(
    "/api/read/batch",
    response_class=StreamingResponse,
    responses={
        200: {"content": {NDJSON: _BYTES}},
        413: {"model": Problem},
        422: {"model": Problem},
    },
    openapi_extra={"requestBody": BODY},
    summary="Read many digits, or numbers",
    description=f"Takes at most {MAX_IMAGES:,}: a form's files; images of 28x28 pixels, ink high, "
    'as .npy or IDX; `{"drawings": [...]}`, or a drawing a line (application/x-ndjson), each as '
    "/api/read takes it. Answers a line of JSON for each, in order: its index and its reading, or "
    "its index, error and hint.",
)
async def read_batch(
    request: Request, state: Current, options: Annotated[Options, Depends()]
) -> StreamingResponse:
    """Reads what the request sends, and answers while it reads."""
    given = await _given(request)
    if not options.number:
        state.served.reader.threshold(options.min_accuracy)  # raises, where it can't be promised
    elif isinstance(given, np.ndarray):
        raise InkError(
            f"Expected pictures or strokes with number={options.number}, got images of digits",
            "Leave it out, or send pictures",
        )
    answers = _answers(state, _pieces(options, given))
    first = await anext(answers)  # what it raises has a status of its own

    async def all_of_them() -> AsyncIterator[str]:
        yield first
        async for lines in answers:
            yield lines

    return StreamingResponse(all_of_them(), media_type=NDJSON)


async def _given(request: Request) -> Images | list[Source]:
    """What a request sends to be read. Raises InkError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=MAX_IMAGES) as form:
            files = [file for _, file in form.multi_items() if isinstance(file, UploadFile)]
            pictures = [await file.read() for file in files]
        _check_number(len(pictures))
        return [partial(bytes, picture) for picture in pictures]
    body = await request.body()
    if kind not in ("application/json", NDJSON):
        images = arrays.parse(body)
        _check_number(len(images))
        return images
    lines = _of_json(body) if kind == "application/json" else _of_lines(body)
    _check_number(len(lines))
    return [partial(source_of_json, line) for line in lines]


def _of_lines(body: bytes) -> list[bytes]:
    return body.strip().split(b"\n", MAX_IMAGES) if body.strip() else []


def _of_json(body: bytes) -> list[bytes]:
    """The JSON of each drawing. Raises InkError."""
    if len(body) > MAX_STROKES_BYTES:
        raise TooLarge(
            f"Expected JSON of at most {MAX_STROKES_BYTES:,} bytes, got {len(body):,}",
            f"Send a drawing a line, as {NDJSON}",
        )
    try:
        drawings = json.loads(body)["drawings"]
    except (ValueError, TypeError, KeyError, RecursionError):
        drawings = None
    if not isinstance(drawings, list):
        raise InkError("Expected a list of drawings as JSON, got other text", EXAMPLE)
    return [json.dumps(drawing).encode() for drawing in drawings]


def _check_number(number: int) -> None:
    """Raise InkError if that is no number of images that is read."""
    if number > MAX_IMAGES:
        raise TooLarge(
            f"Expected at most {MAX_IMAGES:,} images, got more", "Send them in several requests"
        )
    if not number:
        raise InkError("Expected at least one image, got none", "Try -F file=@7.png")


def _pieces(
    options: Options, given: Images | list[Source]
) -> Iterator[tuple[range, Callable[[Served], str]]]:
    """What is read at once: the indices, and what gives their lines."""
    if isinstance(given, list):
        for index, source in enumerate(given):
            read = partial(_read_source, options=options, index=index, source=source)
            yield range(index, index + 1), read
        return
    for start in range(0, len(given), AT_ONCE):
        images = given[start : start + AT_ONCE]
        indices = range(start, start + len(images))
        yield indices, partial(_read_images, options=options, indices=indices, images=images)


async def _answers(
    state: State, pieces: Iterator[tuple[range, Callable[[Served], str]]]
) -> AsyncIterator[str]:
    """The lines of each piece, in order. As many pieces are read together as there are cores.

    Raises Overloaded before the first; what is refused later is named, line by line.
    """
    while group := list(islice(pieces, system.cores())):
        works = [state.readings.run(work) for _, work in group]
        found = await asyncio.gather(*works, return_exceptions=True)
        for (indices, _), lines in zip(group, found, strict=True):
            if isinstance(lines, InklingError) and indices.start:
                yield "".join(_failed(index, lines) for index in indices)
            elif isinstance(lines, BaseException):
                raise lines
            else:
                yield lines


def _read_source(served: Served, options: Options, index: int, source: Source) -> str:
    """The line of one picture or drawing."""
    reader = served.reader
    try:
        read = READ_NUMBERS[options.number] if options.number else Reader.read
        reading = read(reader, source(), options.min_accuracy)
    except InklingError as error:
        return _failed(index, error)
    answer = of_reading(reading, reader)
    monitoring.count(answer)
    left_out = None if options.probabilities else {"probabilities"}
    content = answer.model_dump_json(exclude_unset=True, exclude=left_out)
    return f'{{"index":{index},{content[1:]}\n'


def _read_images(served: Served, options: Options, indices: range, images: Images) -> str:
    """The lines of images `(N, 1, 28, 28)`, uint8 or floats in [0, 1], ink high.

    There is no Python for each image but that which writes its line.
    """
    flat = images.reshape(len(images), -1)
    top = 255 if flat.dtype == np.uint8 else 1
    strange = ~np.all((flat >= 0) & (flat <= top), axis=1)
    readable = flat.any(1) & ~strange
    lines: dict[int, str] = {}
    for at in np.flatnonzero(~readable).tolist():
        lines[indices[at]] = _failed(indices[at], OUT_OF_RANGE if strange[at] else BLANK)
    if readable.any():
        pixels = images[readable].astype(np.float32) / np.float32(top)
        places = np.flatnonzero(readable) + indices.start
        lines |= _lines(served.reader, options, places.tolist(), pixels)
    return "".join(lines[index] for index in indices)


def _lines(
    reader: Reader, options: Options, indices: list[int], images: NDArray[np.float32]
) -> dict[int, str]:
    """The line of each of the images `(N, 1, 28, 28)` in [0, 1], as `answers.Answer` has it."""
    found = many.read(reader, images, options.min_accuracy)
    nothing, model = [None] * len(images), reader.card.model_sha256[:12]
    monitoring.count_many("digit", found.accepted, model)
    sets = many.label_sets(reader, found.probabilities) or nothing
    rows = _rounded(found.probabilities, 6) if options.probabilities else nothing
    names = [json.dumps(name) for name in reader.card.classes]
    lines = {}
    for index, label, confidence, score, is_accepted, labels, row in zip(
        indices,
        found.labels.tolist(),
        _rounded(found.confidences, 6),
        _rounded(found.ood_scores, 4),
        found.accepted,
        sets,
        rows,
        strict=True,
    ):
        shares = f'"probabilities":{row},' if row else ""
        lines[index] = (
            f'{{"index":{index},"label":{label},"name":{names[label]},"confidence":{confidence},'
            f'"ood_score":{score},"accepted":{WORDS[is_accepted]},"labels":{labels or "null"},'
            f'{shares}"model":"{model}"}}\n'
        )
    return lines


def _rounded(values: NDArray[np.float32], decimals: int) -> list[Any]:
    rounded: list[Any] = np.round(values.astype(np.float64), decimals).tolist()
    return rounded


def _failed(index: int, error: InklingError) -> str:
    return json.dumps({"index": index, "error": error.error, "hint": error.hint}) + "\n"
