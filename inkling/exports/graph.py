"""An ONNX graph, read without ONNX's own library: its nodes and its constant arrays.

The field numbers are those of onnx.proto.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.reading.onnx_check import fields

TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 10: np.float16}  # TensorProto.DataType
GRAPH, NODE, TENSOR = 7, 1, 5  # of ModelProto, and of GraphProto
SIGN = 1 << 63  # a negative number of 64 bits is sent as one above it


@dataclass(frozen=True)
class Node:
    """An operation: its operator, the names it takes and gives, and its settings."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]  # a number, a text or a list of numbers


def parse(model: bytes) -> tuple[list[Node], dict[str, NDArray[Any]]]:
    """The nodes of a checked graph in their order, and its constant arrays by name."""
    (graph,) = (value for number, value in fields(model) if number == GRAPH)
    parts = list(fields(graph))
    nodes = [_node(value) for number, value in parts if number == NODE]
    return nodes, dict(_array(value) for number, value in parts if number == TENSOR)


def _node(content: bytes) -> Node:
    found = list(fields(content))
    texts = {number: [v.decode() for n, v in found if n == number] for number in (1, 2, 4)}
    attributes = dict(_attribute(value) for number, value in found if number == 5)
    return Node(texts[4][0], texts[1], texts[2], attributes)


def _attribute(content: bytes) -> tuple[str, Any]:
    """The name and the value of a setting."""
    name, found = "", list[tuple[int, Any]]()
    for number, value in fields(content):
        if number == 1:
            name = value.decode()
        elif number != 20:  # its type
            found.append((number, value))
    numbers = [_signed(value) for number, value in found if number == 8]
    if numbers or not found:
        return name, numbers
    number, value = found[0]
    if number == 2:
        return name, float(np.uint32(value).view(np.float32))
    return name, _signed(value) if number == 3 else value


def _array(content: bytes) -> tuple[str, NDArray[Any]]:
    """The name and the numbers of a constant."""
    shape, name, kind, body = list[int](), "", 1, b""
    for number, value in fields(content):
        match number:
            case 1:
                shape.append(value)
            case 2:
                kind = value
            case 8:
                name = value.decode()
            case 4 | 7 | 9:
                body = value
    if kind not in TYPES or len(body) != np.dtype(TYPES[kind]).itemsize * int(np.prod(shape)):
        return name, np.empty(0, np.float32)  # of a kind that no layer has
    return name, np.frombuffer(body, TYPES[kind]).reshape(shape)


def _signed(value: int) -> int:
    return value - 2 * SIGN if value >= SIGN else value
