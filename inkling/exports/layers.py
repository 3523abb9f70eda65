"""The network of a bundle as a list of layers, read from its graph.

What writes a network for another language needs its layers, and not a runtime.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import InklingError, MissingExtra
from inkling.reading.reader import Reader

try:
    import onnx
    from onnx import numpy_helper
except ImportError as cause:
    raise MissingExtra("This export", str(cause.name), "train") from cause

Array = NDArray[np.float32]
STANDARDISATION = ["ReduceMean", "Sub", "Mul", "ReduceMean", "Add", "Sqrt", "Div"]
CALIBRATION = ["Div", "Softmax", "ReduceLogSumExp", "Neg"]  # of logits; where T = 1, without Div
SUPPORTED = "Conv, BatchNormalization, MaxPool, Relu, Reshape, Flatten, Gemm"


@dataclass(frozen=True, eq=False)
class Standardise:
    """(x - mean) / sqrt(variance + epsilon), of each image by itself."""

    epsilon: float


@dataclass(frozen=True, eq=False)
class Convolution:
    """Kernels `(O, I, H, W)` slid by one pixel, over an image with a border of zeros."""

    weights: Array
    bias: Array  # (O,)
    padding: int  # pixels of the border


@dataclass(frozen=True, eq=False)
class MaxPool:
    """The largest of each square of `size` pixels a side."""

    size: int


@dataclass(frozen=True, eq=False)
class Affine:
    """Each channel times its scale `(C,)`, plus its shift `(C,)`: a batch normalisation."""

    scale: Array
    shift: Array


@dataclass(frozen=True, eq=False)
class Relu:
    """What is below 0 becomes 0."""


@dataclass(frozen=True, eq=False)
class Dense:
    """W x + b of all values in a row: W `(O, I)`, b `(O,)`."""

    weights: Array
    bias: Array


Layer = Standardise | Convolution | MaxPool | Affine | Relu | Dense


def layers(reader: Reader) -> list[Layer]:
    """From an image `(1, 28, 28)` in [0, 1] to the logits `(K,)`, not divided by a temperature.

    Raises InklingError where the network is more than such layers, one after the other.
    """
    graph = onnx.load_from_string(reader.session.model).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes, found = list(graph.node), list[Layer]()
    if [node.op_type for node in nodes[:7]] == STANDARDISATION:
        found.append(Standardise(float(arrays[nodes[4].input[1]])))
        nodes = nodes[7:]
    for kind in reversed(CALIBRATION):
        if nodes and nodes[-1].op_type == kind:
            nodes.pop()
    for before, node in zip([None, *nodes], nodes, strict=False):
        others = set(node.input[1:]) - set(arrays)
        if others or (before is not None and node.input[0] != before.output[0]):
            raise _unsupported("a branch")
        found += _layer(node, arrays)
    return found


def _layer(node: Any, arrays: dict[str, Array]) -> Iterator[Layer]:
    """The layer of a node; none where it only changes the shape."""
    values = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    given = [arrays[name] for name in node.input[1:]]
    match node.op_type:
        case "Conv" if _is_plain(values):
            yield Convolution(given[0], _bias(given), values.get("pads", [0])[0])
        case "MaxPool" if _is_tiled(values):
            yield MaxPool(values["kernel_shape"][0])
        case "BatchNormalization":
            gamma, beta, mean, variance = given
            scale = gamma / np.sqrt(variance + np.float32(values["epsilon"]))
            yield Affine(scale, beta - mean * scale)
        case "Relu":
            yield Relu()
        case "Gemm" if values.get("transB") == 1:
            yield Dense(given[0], _bias(given))
        case "Reshape" | "Flatten":
            return
        case other:
            raise _unsupported(other)


def _bias(given: Sequence[Array]) -> Array:
    """The bias of a layer of weights, zeros where it has none."""
    return given[1] if len(given) > 1 else np.zeros(len(given[0]), np.float32)


def _is_plain(values: dict[str, Any]) -> bool:
    """Whether a convolution has one group, a square window that goes by one pixel, one border."""
    ones = all(one == 1 for key in ("strides", "dilations") for one in values.get(key, [1]))
    same = all(len(set(values.get(key, [0]))) == 1 for key in ("kernel_shape", "pads"))
    return ones and same and values.get("group", 1) == 1


def _is_tiled(values: dict[str, Any]) -> bool:
    """Whether the pools are squares side by side, without a border or a part of one."""
    spare = any(values.get("pads", [0])) or values.get("ceil_mode", 0)
    size = values["kernel_shape"]
    return size == values.get("strides") and len(set(size)) == 1 and not spare


def _unsupported(what: str) -> InklingError:
    return InklingError(
        f"Expected a network of layers one after the other ({SUPPORTED}), got {what}",
        "Export it as onnx, or export a bundle of the recipe `digits`",
    )


def shapes(network: Sequence[Layer], shape: tuple[int, ...] = (1, 28, 28)) -> list[tuple[int, ...]]:
    """The shape of what goes into each layer, and last of what comes out."""
    found = [shape]
    for layer in network:
        match layer:
            case Convolution(weights, _, padding):
                size, lost = len(weights), weights.shape[2] - 1 - 2 * padding
                shape = (size, shape[1] - lost, shape[2] - lost)
            case MaxPool(size):
                shape = (shape[0], shape[1] // size, shape[2] // size)
            case Dense(weights, _):
                shape = (len(weights),)
        found.append(shape)
    return found
