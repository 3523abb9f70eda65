"""Tensors of the Open Inference Protocol <-> arrays: as JSON, or as bytes after it."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from inkling.errors import InkError
from inkling.web.schemas import first_problem

MAX_BATCH = 1000  # images, or lines
MAX_WIDTH = 32_000  # pixels, of all of them side by side
MAX_SHOWN = 100  # characters of a wrong value, in its error
TYPES = {"FP32": "<f4", "UINT8": "u1", "INT64": "<i8", "BOOL": "?"}  # as NumPy names them
HEADER = "Inference-Header-Content-Length"  # of the JSON, where bytes follow it

Floats = NDArray[np.float32]
Values = NDArray[Any]


class Tensor(BaseModel):
    """What a model takes or gives."""

    name: str
    datatype: str
    shape: list[int] = Field(description="-1 where any number will do")


class Given(Tensor):
    """A tensor that is sent: its values, or in its parameters how many bytes follow."""

    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class Wanted(BaseModel):
    """An output that is asked for; its parameters may be `binary_data`, `classification`."""

    name: str
    parameters: dict[str, Any] = {}


class Inference(BaseModel):
    """A request."""

    id: str | None = None
    parameters: dict[str, Any] = {}
    inputs: list[Given]
    outputs: list[Wanted] = []


def parse(body: bytes, header: str | None) -> tuple[Inference, bytes]:
    """A request, and the bytes that follow its JSON; `header` is HEADER's. Raises InkError."""
    size = header or str(len(body))
    if not (size.isascii() and size.isdecimal() and len(size) < 10 and int(size) <= len(body)):
        raise InkError(
            f"Expected {HEADER} of at most {len(body):,}, got {size!r:.20}", "Count the JSON alone"
        )
    try:
        return Inference.model_validate_json(body[: int(size)]), body[int(size) :]
    except ValidationError as cause:
        raise InkError(
            f"Expected a request of the protocol as JSON, but {first_problem(cause)}",
            f"Where bytes follow the JSON, {HEADER} says how long it is",
        ) from cause


def images(asked: Inference, takes: Tensor, following: bytes) -> Floats:
    """The images `(N, 1, H, W)` in [0, 1] that a request holds as its one input. Raises InkError.

    They come as FP32 in that range, or as UINT8.
    """
    names = ", ".join(given.name for given in asked.inputs)
    if names != takes.name:
        raise InkError(
            f"Expected one input, {takes.name}, got {names or 'none':.{MAX_SHOWN}}",
            "The model's metadata says what it takes",
        )
    (given,) = asked.inputs
    if given.datatype not in ("FP32", "UINT8"):
        raise InkError(
            f"Expected {takes.name} as FP32 in [0, 1] or as UINT8, "
            f"got {given.datatype:.{MAX_SHOWN}}",
            "Convert them",
        )
    count, _, _, width = shape = given.shape if len(given.shape) == 4 else (0, 0, 0, 0)
    fits = all(n > 0 and fixed in (n, -1) for n, fixed in zip(shape, takes.shape, strict=True))
    if not fits or count > MAX_BATCH or count * width > MAX_WIDTH:
        raise InkError(
            f"Expected {takes.name} of shape {takes.shape}, at most {MAX_BATCH:,} and side by side "
            f"at most {MAX_WIDTH:,} pixels wide, got {given.shape!s:.{MAX_SHOWN}}",
            "Send fewer at a time",
        )
    values = _values(given, following)
    top = 1 if given.datatype == "FP32" else 255
    if not ((values >= 0) & (values <= top)).all():
        raise InkError(
            f"Expected {takes.name} from 0 to {top} as {given.datatype}, got others", "Scale them"
        )
    return np.asarray(values.reshape(shape), np.float32) / np.float32(top)


def ranked(values: Values, classes: tuple[str, ...], count: object) -> Values:
    """The `count` highest of each row `(N, K)`, each as "value:label:name": `(N, count)`.

    Raises InkError if they are no probabilities of classes, or `count` is no number from 1 on.
    """
    if values.ndim != 2 or type(count) is not int or count < 1:
        raise InkError(
            f"Expected a classification of probabilities by a number from 1 on, got {count!r:.20}",
            "Leave it out of other outputs",
        )
    order = np.argsort(-values, axis=1, kind="stable")[:, :count]
    best = zip(np.take_along_axis(values, order, 1).tolist(), order.tolist(), strict=True)
    rows = [[f"{v:f}:{at}:{classes[at]}" for v, at in zip(*row, strict=True)] for row in best]
    return np.array(rows, object)


def to_bytes(values: Values, datatype: str) -> bytes:
    """A tensor as bytes, little-endian; a text comes after its length, in four bytes."""
    if datatype != "BYTES":
        return values.astype(TYPES[datatype]).tobytes()
    texts = [text.encode() for text in values.ravel()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _values(given: Given, following: bytes) -> Values:
    """The values of a tensor `(n,)`, from the JSON or the bytes that follow. Raises InkError."""
    number, kind = math.prod(given.shape), np.dtype(TYPES[given.datatype])
    size = given.parameters.get("binary_data_size")
    if size is not None or following:
        expected = number * kind.itemsize
        if given.data is not None or not size == len(following) == expected:
            raise InkError(
                f"Expected {expected:,} bytes for shape {given.shape}, got {len(following):,} and "
                f"binary_data_size {size!r:.20}",
                "Send the values as JSON or as bytes, not as both",
            )
        return np.frombuffer(following, kind)
    try:
        values = np.asarray(given.data, np.float64)
    except (ValueError, TypeError, OverflowError):  # as of rows of different lengths
        values = np.empty(0)
    if values.size != number or (kind.kind == "u" and (values % 1).any()):
        raise InkError(
            f"Expected {number:,} numbers of {given.datatype} for shape {given.shape}, "
            f"got {values.size:,} or others",
            "Send the rows one after the other, or nested",
        )
    return values.ravel()
