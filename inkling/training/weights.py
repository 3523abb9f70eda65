"""What the first layer of a network has learnt, as images: a hidden unit's weights, or a filter."""

import math
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from inkling import data
from inkling.errors import BundleError, RunError
from inkling.experiments import runs
from inkling.ink import SHAPES
from inkling.reading import bundle
from inkling.training import checkpoint


def first_layer(path: Path) -> NDArray[np.float32]:
    """The weights `(N, C, h, w)` that see the image itself, of a bundle or a run under way.

    N is the number of hidden units, whose weights fill an image, or of the convolution's filters.
    Those of a run without a bundle are its last checkpoint's. Raises BundleError, RunError.
    """
    if (path / runs.CHECKPOINT).exists() and not runs.has_ended(path):
        tensors = checkpoint.read_tensors(path)
        found = {name: tensor.numpy() for name, tensor in tensors.items()}
        return first(found, RunError, path, data.get(runs.read_plan(path).recipe.dataset).shape)
    card, content = bundle.read(path)
    graph = onnx.load_model_from_string(content).graph
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return first(found, BundleError, path, card.shape)


def first(
    arrays: dict[str, NDArray[np.float32]],
    error: type[BundleError | RunError],
    path: Path,
    shape: tuple[int, ...] = SHAPES["digit"],
) -> NDArray[np.float32]:
    """The first of these tensors that sees the image itself, `(N, C, h, w)`. Raises `error`."""
    filters = [array for array in arrays.values() if array.ndim == 4]
    for array in filters:
        if array.shape[1] == shape[0]:
            return array
    for name, array in arrays.items():
        if array.ndim == 2 and not filters:
            units = array.T if name.endswith(".weights") else array  # scratch.py: inputs down
            if units.shape[1] == math.prod(shape):
                return units.reshape(-1, *shape)
    _, height, width = shape
    raise error(
        f"{path}: expected a first layer of {height}x{width} weights or of filters, found neither",
        "Only what sees the image itself can be shown as one",
    )
