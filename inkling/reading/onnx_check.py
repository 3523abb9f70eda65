"""Whether an ONNX graph stands alone: no other files, no operators but ONNX's own.

The field numbers are those of onnx.proto, walked with protobuf.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2, unknown_fields
from google.protobuf.message import DecodeError

from inkling.errors import BundleError

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


def refuse_foreign_parts(model: bytes, path: Path) -> None:
    """Raise BundleError if the graph reads other files or runs operators that are not ONNX's."""
    try:
        for message, field, value in _all_fields(model, "model"):
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


def fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """The number and the value of each field of a message: a whole number, or bytes."""
    found = unknown_fields.UnknownFieldSet(empty_pb2.Empty.FromString(content))
    for field in found:  # type: ignore[attr-defined]  # iterable, but its stub does not say so
        yield field.field_number, field.data


def _all_fields(content: bytes, message: str) -> Iterator[tuple[str, int, Any]]:
    """Every field of a message and of those within it: its message, number and value."""
    for number, value in fields(content):
        yield message, number, value
        if number in _PARTS[message]:
            yield from _all_fields(value, _PARTS[message][number])
