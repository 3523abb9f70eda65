"""A bundle for inkling-js, an npm package that reads in a page: model.json and model.bin."""

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling import system
from inkling.exports.layers import (
    Convolution,
    Layer,
    MaxPool,
    Residual,
    Standardise,
    layers,
    line_layers,
)
from inkling.files import claimed, write_atomically
from inkling.reading.bundle import Card
from inkling.reading.reader import SET_LEVEL, Reader

STATIC = system.PACKAGE / "web" / "static"
PACKAGE = STATIC / "inkling-js"
FORMAT = "inkling-js 1"
MODEL, WEIGHTS = "model.json", "model.bin"
KINDS = {"maxpool": "pool"}  # what is called otherwise there
ALIGNED = 4  # bytes, at which an array of 32-bit numbers may begin


class Body:
    """What model.bin holds, array after array."""

    def __init__(self, int8: bool) -> None:
        self._whole = np.int8 if int8 else np.int16
        self.bytes = bytearray()

    def add(self, array: NDArray[np.float32]) -> dict[str, int]:
        """Append an array; gives where it lies. What has rows becomes whole numbers, row by row."""
        if array.ndim == 1:
            return {"offset": self._append(array.astype("<f4")), "size": array.size}
        rows = array.reshape(len(array), -1)
        scales = np.maximum(np.abs(rows).max(1), 1e-12) / np.iinfo(self._whole).max
        whole = np.rint(rows / scales[:, None]).astype(self._whole)
        return {
            "bits": 8 * whole.itemsize,
            "size": array.size,
            "rows": len(array),
            "scales": self._append(scales.astype("<f4")),
            "offset": self._append(whole),
        }

    def _append(self, array: NDArray[Any]) -> int:
        self.bytes.extend(bytes(-len(self.bytes) % ALIGNED))
        offset = len(self.bytes)
        self.bytes.extend(array.tobytes())
        return offset


def write(reader: Reader, path: Path, int8: bool = False) -> Path:
    """Write the package and its model: npm installs the folder, and a page loads it as it is.

    Raises the errors of `packed` and `claimed`.
    """
    with claimed(path, MODEL, "package.json"):
        write_model(reader, path, int8)
        shutil.copytree(PACKAGE, path, dirs_exist_ok=True)
    return path


def write_model(reader: Reader, path: Path, int8: bool) -> Path:
    """Write model.json and model.bin alone. Raises the errors of `packed`."""
    model, weights = packed(reader, int8)
    path.mkdir(exist_ok=True)
    write_atomically(path / WEIGHTS, weights)
    write_atomically(path / MODEL, json.dumps(model).encode())
    return path


def packed(reader: Reader, int8: bool) -> tuple[dict[str, Any], bytes]:
    """What model.json and model.bin hold.

    Weights are whole numbers of 16 or of 8 bits, with a scale for each output. Raises InklingError
    where the network is more than layers one after the other.
    """
    body = Body(int8)
    model = {
        "format": FORMAT,
        "licence": reader.card.licence,
        **_network(reader.card, layers(reader), body),
        "temperature": reader.card.temperature,
    }
    if reader.card.frame == "digit":
        found, prior = line_layers(reader.lines.session.model)
        model["numbers"] = _network(reader.lines.card, found, body) | {"prior": prior.tolist()}
    model["bytes"] = len(body.bytes)
    return model, bytes(body.bytes)


def _network(card: Card, network: list[Layer], body: Body) -> dict[str, Any]:
    """What model.json says of a network, the thresholds of its card with it."""
    acceptance = card.acceptance
    return {
        "model_sha256": card.model_sha256,
        "classes": card.classes,
        "acceptance": acceptance
        and {
            "min_confidence": acceptance.min_confidence,
            "max_ood_score": acceptance.max_ood_score,
            "min_label_probability": acceptance.min_label_probability(SET_LEVEL),
            "sets": acceptance.sets,
        },
        "layers": [_described(layer, body) for layer in network],
    }


def _described(layer: Layer, body: Body) -> dict[str, Any]:
    """A layer for model.json; its arrays go to the end of model.bin."""
    values = {field.name: getattr(layer, field.name) for field in fields(layer)}
    arrays = {key: value for key, value in values.items() if isinstance(value, np.ndarray)}
    name = type(layer).__name__.lower()
    found: dict[str, Any] = {"kind": KINDS.get(name, name)}
    match layer:
        case Convolution(weights, _, padding):
            found |= {"kernel": weights.shape[2:], "padding": padding}
        case MaxPool(size):
            found |= {"size": size}
        case Standardise(epsilon):
            found |= {"epsilon": epsilon}
        case Residual(parts):
            found |= {"layers": [_described(part, body) for part in parts]}
    packed = {key: body.add(array) for key, array in arrays.items()}
    return found | ({"arrays": packed} if packed else {})
