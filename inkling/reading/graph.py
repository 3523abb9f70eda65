"""An ONNX graph, read without ONNX's own library.

The field numbers are those of onnx.proto.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkling.reading.onnx_check import fields

TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 10: "<f2"}  # TensorProto.DataType
FLOAT = 1  # of these, float32
GRAPH, OPSET = 7, 8  # of ModelProto
NODE, TENSOR, INPUT, OUTPUT = 1, 5, 11, 12  # of GraphProto
SIGN = 1 << 63  # a negative number of 64 bits is sent as one above it


@dataclass(frozen=True)
class Node:
    """An operation: its operator, the names it takes and gives, and its settings."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]  # a number, a text or a list of numbers


class Value(NamedTuple):
    """What a graph says of an input or output."""

    name: str
    shape: tuple[int, ...]  # -1 where any size goes
    is_float: bool  # whether it is of float32


class Graph(NamedTuple):
    """What a file of ONNX holds."""

    nodes: list[Node]  # in the order in which they run
    arrays: dict[str, NDArray[Any]]  # its constants
    takes: list[Value]
    gives: list[Value]
    opset: int  # the version of ONNX's operators


def parse(model: bytes) -> Graph:
    """The graph of a file that `onnx_check` has seen."""
    (graph,) = (value for number, value in fields(model) if number == GRAPH)
    opsets = [dict(fields(value)) for number, value in fields(model) if number == OPSET]
    parts = list(fields(graph))
    arrays = dict(_array(value) for number, value in parts if number == TENSOR)
    takes = [_value(value) for number, value in parts if number == INPUT]
    return Graph(
        [_node(value) for number, value in parts if number == NODE],
        arrays,
        [value for value in takes if value.name not in arrays],
        [_value(value) for number, value in parts if number == OUTPUT],
        next((opset.get(2, 0) for opset in opsets if opset.get(1, b"") in (b"", b"ai.onnx")), 0),
    )


def _value(content: bytes) -> Value:
    """An input or output, which is a tensor."""
    found = dict(fields(content))  # its name, and its type
    tensor = dict(fields(dict(fields(found[2]))[1]))  # the type of its items, and its shape
    sizes = [dict(fields(size)) for _, size in fields(tensor.get(2, b""))]
    shape = tuple(size.get(1, -1) for size in sizes)
    return Value(found[1].decode(), shape, tensor[1] == FLOAT)


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
