"""What the first layer of a network has learnt, as images: a hidden unit's weights, or a filter."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from inkling import bundle, checkpoint
from inkling.errors import BundleError, RunError

SIDE = 28  # of the images, so a dense layer's weights fill one


def first_layer(path: Path) -> NDArray[np.float32]:
    """The weights `(N, 1, h, w)` that see the image itself, of a bundle or a run under way.

    N is the number of hidden units, with h = w = 28, or of the convolution's filters. Those of
    a run without a bundle are its last checkpoint's. Raises BundleError, RunError.
    """
    if (path / checkpoint.CHECKPOINT).exists() and not (path / bundle.IN_A_RUN).exists():
        found = [tensor.numpy() for tensor in checkpoint.read_tensors(path).values()]
        return _first(found, RunError, path)
    _, content = bundle.read(path)
    graph = onnx.load_model_from_string(content).graph
    return _first(map(onnx.numpy_helper.to_array, graph.initializer), BundleError, path)


def _first(
    arrays: Iterable[NDArray[np.float32]], error: type[BundleError | RunError], path: Path
) -> NDArray[np.float32]:
    for array in arrays:
        if array.ndim == 4 and array.shape[1] == 1:
            return array
        if array.ndim == 2 and SIDE**2 in array.shape:
            rows = array if array.shape[1] == SIDE**2 else array.T
            return rows.reshape(-1, 1, SIDE, SIDE)
    raise error(
        f"{path}: expected a first layer of {SIDE}x{SIDE} weights or of filters, found neither",
        "Only what sees the image itself can be shown as one",
    )
