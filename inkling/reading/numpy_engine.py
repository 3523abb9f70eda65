"""A graph, run by NumPy alone: where ONNX Runtime has no wheel, or cannot be imported.

Each operator is a function that takes the inputs of a node in their order, and its settings by
name. Of two, NumPy has none: they are SciPy's. Source: https://onnx.ai/onnx/operators/
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from inkling.errors import BundleError
from inkling.reading.graph import Node, Value, parse

Array = NDArray[np.float32]
Whole = Sequence[int] | NDArray[np.int64]  # numbers that are an input or a setting of a node
NO_BORDER, ONE_BY_ONE = (0, 0, 0, 0), (1, 1)
OLDEST = 13  # version of ONNX's operators, from which on a softmax is that of one axis
TRIED = 8  # images with which a graph is tried, and columns of a line
# The settings that no function takes, each with the one value that it may have; None is any.
FIXED: dict[str, Any] = {
    "alpha": 1.0,
    "approximate": b"none",
    "auto_pad": b"NOTSET",
    "beta": 1.0,
    "ceil_mode": 0,
    "dilations": [1, 1],
    "group": 1,
    "kernel_shape": None,  # of a convolution, whose weights have it
    "mode": b"constant",
    "momentum": None,  # of training
    "noop_with_empty_axes": 0,
    "storage_order": 0,
    "training_mode": 0,
    "transA": 0,
}


def _convolution(
    x: Array,
    weights: Array,
    bias: Array | None = None,
    *,
    pads: Sequence[int] = NO_BORDER,
    strides: Sequence[int] = ONE_BY_ONE,
) -> Array:
    """Kernels `(O, C, h, w)` slid over images `(N, C, H, W)`, as one product of matrices."""
    seen = _windows(_bordered(x, pads, 0), weights.shape[2:], strides)
    count, _, rows, columns, *_ = seen.shape
    # What a window sees becomes a column: (C h w, N H' W').
    seen = seen.transpose(1, 4, 5, 0, 2, 3).reshape(weights[0].size, count * rows * columns)
    found = weights.reshape(len(weights), -1) @ seen
    if bias is not None:
        found += bias[:, None]
    return found.reshape(len(weights), count, rows, columns).swapaxes(0, 1)


def _max_pool(
    x: Array,
    *,
    kernel_shape: Sequence[int],
    pads: Sequence[int] = NO_BORDER,
    strides: Sequence[int] = ONE_BY_ONE,
) -> Array:
    """The largest of each window."""
    seen = _windows(_bordered(x, pads, -np.inf), kernel_shape, strides)
    # All windows at once, place by place: the maximum along short axes is slow.
    places = np.ndindex(*kernel_shape)
    found: Array = reduce(np.maximum, (seen[..., row, column] for row, column in places))
    return found


def _windows(x: Array, size: Sequence[int], strides: Sequence[int]) -> Array:
    """A view of images `(N, C, H, W)` as windows `(N, C, H', W', h, w)`."""
    down, across = strides
    return sliding_window_view(x, tuple(size), (2, 3))[:, :, ::down, ::across]


def _bordered(x: Array, pads: Sequence[int], value: float) -> Array:
    """Images with a border of a value."""
    above, left, below, right = pads
    if not any(pads):
        return x
    count, channels, rows, columns = x.shape
    wide = np.full((count, channels, above + rows + below, left + columns + right), value, x.dtype)
    wide[:, :, above : above + rows, left : left + columns] = x
    return wide


def _normalised(
    x: Array, scale: Array, shift: Array, mean: Array, variance: Array, *, epsilon: float = 1e-5
) -> Array:
    """A batch normalisation, by the figures of training: the channels are the second axis."""
    factor = scale / np.sqrt(variance + np.float32(epsilon))
    across = (-1, *[1] * (x.ndim - 2))
    found: Array = x * factor.reshape(across)
    found += (shift - mean * factor).reshape(across)
    return found


def _product(a: Array, b: Array, c: Array | None = None, *, transB: int = 0) -> Array:  # noqa: N803
    found: Array = a @ (b.T if transB else b)
    return found if c is None else found + c


def _pad(x: Array, pads: Whole, value: Array | None = None) -> Array:
    pairs = np.reshape(pads, (2, -1)).T
    return np.pad(x, pairs, constant_values=0 if value is None else value.item())


def _slice(
    x: Array, starts: Whole, ends: Whole, axes: Whole | None = None, steps: Whole | None = None
) -> Array:
    """Python's slices: they count from the end, and stop at it, as ONNX's do."""
    found = [slice(None)] * x.ndim
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        found[axis] = slice(int(start), int(end), int(step))
    return x[tuple(found)]


def _reshape(x: Array, shape: Whole, *, allowzero: int = 0) -> Array:
    return x.reshape([size or (0 if allowzero else x.shape[i]) for i, size in enumerate(shape)])


def _softmax(x: Array, *, axis: int = -1) -> Array:
    powers = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis, keepdims=True))


def _log_sum_exp(x: Array, axes: Whole | None = None, *, keepdims: int = 1) -> Array:
    axis = _axes(axes)
    highest = x.max(axis, keepdims=True)
    found = np.log(np.exp(x - highest).sum(axis, keepdims=True)) + highest
    return np.asarray(found if keepdims else found.squeeze(axis))


def _axes(axes: Whole | None) -> tuple[int, ...] | None:
    """The axes, as NumPy wants them; None is all."""
    return None if axes is None else tuple(int(axis) for axis in axes)


OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "BatchNormalization": _normalised,
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "Conv": _convolution,
    "Div": np.divide,
    "Flatten": lambda x, *, axis=1: x.reshape(math.prod(x.shape[:axis]), -1),
    "Gelu": lambda x: x * (scipy.special.erf(x * np.float32(math.sqrt(0.5))) + 1) / 2,
    "Gemm": _product,
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdims=True),
    "Identity": lambda x: x,
    "LogSoftmax": lambda x, *, axis=-1: x - _log_sum_exp(x, [axis]),
    "MatMul": np.matmul,
    "MaxPool": _max_pool,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Pad": _pad,
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": lambda x, axes=None, *, keepdims=1: x.max(_axes(axes), keepdims=bool(keepdims)),
    "ReduceMean": lambda x, axes=None, *, keepdims=1: x.mean(_axes(axes), keepdims=bool(keepdims)),
    "Relu": lambda x: np.maximum(x, 0),
    "Reshape": _reshape,
    "Sigmoid": scipy.special.expit,
    "Slice": _slice,
    "Softmax": _softmax,
    "Sqrt": np.sqrt,
    "Squeeze": lambda x, axes=None: x.squeeze(_axes(axes)),
    "Sub": np.subtract,
    "Tanh": np.tanh,
    "Transpose": lambda x, *, perm=None: x.transpose(perm),
    "Unsqueeze": lambda x, axes: np.expand_dims(x, tuple(axes)),
}


class Step(NamedTuple):
    """A node, ready to run."""

    function: Callable[..., Any]
    inputs: list[str]  # "" is one that is left out
    output: str


class NumpyEngine:
    """A graph as a list of steps. Safe to share between threads."""

    images_at_once: ClassVar[int] = 32  # whose features fit into a processor's cache

    def __init__(self, model: bytes, threads: int) -> None:  # noqa: ARG002  # BLAS has its own
        """Load the graph from its bytes, and try it. Raises BundleError if it cannot be run."""
        try:
            graph = parse(model)
            if graph.opset < OLDEST:
                raise unknown(f"one of version {graph.opset} of ONNX's operators")
            for name, array in graph.arrays.items():
                if not array.size:
                    raise unknown(f"the constant {name} of another type")
            self.takes, self.gives, self._arrays = graph.takes, graph.gives, graph.arrays
            self._steps = [_step(node) for node in graph.nodes]
            blank = {value.name: _blank(value) for value in self.takes}
            found = self.run([value.name for value in self.gives], blank)
            fits = all(map(_fits, found, self.gives))
        except BundleError:
            raise
        except Exception as cause:  # what comes from elsewhere may be broken in any way
            raise unknown("a broken one") from cause
        if not fits:
            raise unknown("one that gives something else than it says")

    def run(self, outputs: list[str], inputs: dict[str, Array]) -> list[Array]:
        """These outputs of the graph, from its inputs by name."""
        values: dict[str, Any] = {"": None, **self._arrays, **inputs}
        with np.errstate(all="ignore"):  # as ONNX Runtime does
            for function, names, output in self._steps:
                values[output] = function(*[values[name] for name in names])
        return [values[name] for name in outputs]


def _step(node: Node) -> Step:
    """A node as a step. Raises BundleError if it is none that is known."""
    function = OPERATORS.get(node.operator)
    if function is None or len(node.outputs) != 1:
        raise unknown(node.operator)
    taken: Mapping[str, object] = {}
    if not isinstance(function, np.ufunc):
        taken = inspect.signature(function).parameters
    elif len(node.inputs) != function.nin:  # one more would be written to
        raise unknown(f"{node.operator} of {len(node.inputs)}")
    settings = {}
    for name, value in node.attributes.items():
        if name in taken:
            settings[name] = value
        elif name not in FIXED or FIXED[name] not in (None, value):
            raise unknown(f"{node.operator} with {name}={value}")
    return Step(partial(function, **settings), node.inputs, node.outputs[0])


def _blank(value: Value) -> Array:
    """An input to try a graph with."""
    return np.zeros([TRIED if size == -1 else size for size in value.shape], np.float32)


def _fits(found: Array, said: Value) -> bool:
    """Whether an output is what the graph says of it."""
    sizes = zip(said.shape, found.shape, strict=True)
    return found.dtype == np.float32 and all(known in (-1, size) for known, size in sizes)


def unknown(what: str) -> BundleError:
    """The error of a graph that is more than this module knows."""
    return BundleError(
        f"Expected a graph that NumPy can run, got {what}",
        "Read it with ONNX Runtime: pip install onnxruntime",
    )
