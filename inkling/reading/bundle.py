"""A trained model as a folder: model.onnx and card.json, which says what it is.

    bundle/
      model.onnx  images `(N, 1, 28, 28)` in [0, 1] -> logits and probabilities `(N, K)`;
                  input scaling and calibration temperature are part of the graph
      card.json   the `Card`, with the SHA-256 of model.onnx

Reading one trusts nothing: digest, schema and graph are checked before anything runs. The
field numbers are those of onnx.proto, walked with protobuf, which ONNX Runtime brings along.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2, unknown_fields
from google.protobuf.message import DecodeError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inkling.files import write_atomically
from inkling.errors import BundleError
from inkling.metrics import Acceptance, Measures
from inkling.ink.image import Frame

MODEL, CARD = "model.onnx", "card.json"
IN_A_RUN = "bundle"  # the folder, inside its run's
SCHEMA_VERSION = 2  # the first had no acceptance
MAX_MODEL_BYTES = 200_000_000
PRETRAINED = Path(__file__).parent / "pretrained"


class Card(BaseModel):
    """What a bundle says of its model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    model_sha256: str  # of model.onnx
    created: str  # UTC, ISO 8601
    licence: str  # of the weights
    recipe: dict[str, str | int | float]  # every value of it
    seed: int
    dataset: str
    data_sha256: dict[str, str]  # of each file's unpacked content
    classes: tuple[str, ...] = Field(min_length=2)  # the name of each label
    frame: Frame  # how ink.to_image must place what it reads
    temperature: float  # inside the graph already
    parameters: int
    multiply_adds: int  # an image
    train_seconds: float
    device: str
    threads: int
    versions: dict[str, str]  # of Python and the libraries
    validation: Measures | None  # None where every image was trained on
    test: Measures
    acceptance: Acceptance | None = None  # None where every image was trained on


def write(folder: Path, card: Card, model: bytes) -> None:
    """Write a bundle. The card comes last: without it, there is no bundle."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / MODEL, model)
        write_atomically(folder / CARD, card.model_dump_json(indent=2).encode() + b"\n")
    except OSError as cause:
        raise BundleError(
            f"{folder}: expected room for a bundle, but {cause.strerror}", "Free some space"
        ) from cause


def find(path: Path) -> Path:
    """The bundle at `path`, which is its folder or that of the run that made it."""
    for folder in (path, path / IN_A_RUN):
        if (folder / CARD).is_file():
            return folder
    raise BundleError(
        f"{path}: expected a bundle ({MODEL} and {CARD}), found none",
        "Make one with: inkling train",
    )


def read(folder: Path) -> tuple[Card, bytes]:
    """The card and the bytes of the model, both checked. Raises BundleError."""
    folder = find(folder)
    try:
        if (folder / MODEL).stat().st_size > MAX_MODEL_BYTES:
            raise BundleError(
                f"{folder / MODEL}: expected at most {MAX_MODEL_BYTES:,} bytes",
                "Check where this bundle comes from",
            )
        model = (folder / MODEL).read_bytes()
        card = _parse(folder / CARD)
    except OSError as cause:
        raise BundleError(
            f"{cause.filename}: expected a readable file, but {cause.strerror}",
            "A bundle is a folder with both files: copy it whole",
        ) from cause
    digest = hashlib.sha256(model).hexdigest()
    if digest != card.model_sha256:
        raise BundleError(
            f"{folder / MODEL}: expected SHA-256 {card.model_sha256[:12]}..., got {digest[:12]}...",
            "Copy the bundle again, both files together",
        )
    _refuse_foreign_parts(model, folder / MODEL)
    return card, model


def _parse(path: Path) -> Card:
    way_out = "Copy the bundle again, or train it anew"
    try:
        content: Any = json.loads(path.read_bytes())
        version = content["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise BundleError(
            f"{path}: expected the card of a bundle, got other text", way_out
        ) from cause
    if version not in range(1, SCHEMA_VERSION + 1):
        raise BundleError(
            f"{path}: expected schema version 1 to {SCHEMA_VERSION}, got {version}",
            "Use the version of Inkling that wrote it, or train it anew",
        )
    try:
        return Card.model_validate_json(path.read_bytes())
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {where}: {first['msg']}", way_out) from cause


# Which fields of each message lead to which other message: the paths to nodes and tensors.
_PARTS = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_MODEL_FUNCTIONS, _NODE_DOMAIN, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 25, 7, 13, 14


def _refuse_foreign_parts(model: bytes, path: Path) -> None:
    """Raise BundleError if the graph reads other files or runs operators that are not ONNX's."""
    try:
        for message, field, value in _fields(model, "model"):
            foreign = (message, field) in (
                ("model", _MODEL_FUNCTIONS),
                ("tensor", _TENSOR_EXTERNAL),
            )
            foreign |= (message, field) == ("tensor", _TENSOR_LOCATION) and value != 0
            foreign |= (message, field) == ("node", _NODE_DOMAIN) and value not in (b"", b"ai.onnx")
            if foreign:
                raise BundleError(
                    f"{path}: expected a self-contained graph of ONNX's own operators, "
                    f"got {'external data' if message == 'tensor' else 'custom operators'}",
                    "Check where this bundle comes from",
                )
    except (DecodeError, RecursionError, TypeError) as cause:
        raise BundleError(
            f"{path}: expected an ONNX graph, got other bytes", "Copy it again"
        ) from cause


def _fields(content: bytes, message: str) -> Iterator[tuple[str, int, Any]]:
    """Every field of a message and of those within it: its message, number and value."""
    fields = unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(content))
    for field in fields:  # type: ignore[attr-defined]  # iterable, but its stub does not say so
        yield message, field.field_number, field.data
        if field.field_number in _PARTS[message]:
            yield from _fields(field.data, _PARTS[message][field.field_number])
