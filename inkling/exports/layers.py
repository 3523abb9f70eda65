"""The network of a bundle as a list of layers, read from its graph.

What writes a network for another language needs its layers, and not a runtime.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling.errors import InklingError
from inkling.reading.graph import Node, parse
from inkling.reading.reader import Reader

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
    padding: tuple[int, int]  # pixels of the border: above and below, left and right


@dataclass(frozen=True, eq=False)
class MaxPool:
    """The largest of each rectangle of pixels."""

    size: tuple[int, int]  # rows, columns


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


@dataclass(frozen=True, eq=False)
class Residual:
    """x, and what these layers make of it, added."""

    layers: "list[Layer]"


Layer = Standardise | Convolution | MaxPool | Affine | Relu | Dense | Residual


def layers(reader: Reader) -> list[Layer]:
    """From an image `(1, 28, 28)` in [0, 1] to the logits `(K,)`, not divided by a temperature.

    Raises InklingError where the network is more than such layers, one after the other.
    """
    nodes, arrays, *_ = parse(reader.session.model)
    found = list[Layer]()
    if [node.operator for node in nodes[:7]] == STANDARDISATION:
        found.append(Standardise(float(arrays[nodes[4].inputs[1]])))
        nodes = nodes[7:]
    for kind in reversed(CALIBRATION):
        if nodes and nodes[-1].operator == kind:
            nodes.pop()
    return found + _chain(nodes, arrays)


def line_layers(model: bytes) -> tuple[list[Layer], Array]:
    """From a line `(1, 32, W)` to a score of each class in each column `(K, 1, W / 4)`.

    The log-probabilities are the log-softmax of the scores and the prior `(K,)`, added; also
    given. The temperature is part of the last layer. Raises InklingError as `layers` does.
    """
    nodes, arrays, *_ = parse(model)
    operators = [node.operator for node in nodes]
    if operators[-5:] != ["Squeeze", "Transpose", "Div", "Add", "LogSoftmax"]:
        raise unsupported("another end than that of a line network")
    temperature, prior = (arrays[node.inputs[1]] for node in nodes[-3:-1])
    found = _chain(nodes[:-5], arrays)
    last = found[-1]
    if not isinstance(last, Convolution):
        raise unsupported("another last layer than a convolution")
    found[-1] = Convolution(last.weights / temperature, last.bias / temperature, last.padding)
    return found, prior


def _chain(nodes: Sequence[Node], arrays: dict[str, Array]) -> list[Layer]:
    """The layers of nodes, each of which takes what the one before gives."""
    found, made = list[Layer](), dict[str, int]()  # how many layers there are after each output
    latest = nodes[0].inputs[0]
    made[latest] = 0
    for node in nodes:
        if node.operator == "Add" and latest in node.inputs:
            (other,) = (name for name in node.inputs if name != latest)
            if other not in made:
                raise unsupported("a sum with what is no earlier output")
            found[made[other] :] = [Residual(found[made[other] :])]
        elif node.inputs[0] != latest or set(node.inputs[1:]) - set(arrays):
            raise unsupported("a branch")
        else:
            found += _layer(node, arrays)
        latest = node.outputs[0]
        made[latest] = len(found)
    return found


def _layer(node: Node, arrays: dict[str, Array]) -> Iterator[Layer]:
    """The layer of a node; none where it only changes the shape."""
    values = node.attributes
    given = [arrays[name] for name in node.inputs[1:]]
    match node.operator:
        case "Conv" if _is_plain(values):
            above, left, *_ = values.get("pads", [0, 0])
            yield Convolution(given[0], _bias(given), (above, left))
        case "MaxPool" if _is_tiled(values):
            rows, columns = values["kernel_shape"]
            yield MaxPool((rows, columns))
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
            raise unsupported(other)


def _bias(given: Sequence[Array]) -> Array:
    """The bias of a layer of weights, zeros where it has none."""
    return given[1] if len(given) > 1 else np.zeros(len(given[0]), np.float32)


def _is_plain(values: dict[str, Any]) -> bool:
    """Whether a convolution has one group, steps of one pixel and equal borders on two sides."""
    ones = all(one == 1 for key in ("strides", "dilations") for one in values.get(key, [1]))
    pads = values.get("pads", [0] * 4)
    return ones and values.get("group", 1) == 1 and pads[:2] == pads[2:]


def _is_tiled(values: dict[str, Any]) -> bool:
    """Whether the pools lie side by side, without a border or a part of one."""
    spare = any(values.get("pads", [0])) or values.get("ceil_mode", 0)
    return values["kernel_shape"] == values.get("strides") and not spare


def unsupported(what: str) -> InklingError:
    """The error of a network that is not such layers."""
    return InklingError(
        f"Expected a network of layers one after the other ({SUPPORTED}), got {what}",
        "Export it as onnx, or export a bundle of the recipe `digits`",
    )


def shapes(network: Sequence[Layer], shape: tuple[int, ...] = (1, 28, 28)) -> list[tuple[int, ...]]:
    """The shape of what goes into each layer, and last of what comes out."""
    found = [shape]
    for layer in network:
        match layer:
            case Convolution(weights, _, (rows, columns)):
                high = shape[1] + 2 * rows - weights.shape[2] + 1
                shape = (len(weights), high, shape[2] + 2 * columns - weights.shape[3] + 1)
            case MaxPool((rows, columns)):
                shape = (shape[0], shape[1] // rows, shape[2] // columns)
            case Dense(weights, _):
                shape = (len(weights),)
        found.append(shape)
    return found
