"""A network as C: one file that allocates nothing, for other programs and microcontrollers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from inkling.acceptance import highest_score
from inkling.exports.layers import (
    Affine,
    Array,
    Convolution,
    Dense,
    Layer,
    MaxPool,
    Relu,
    Residual,
    Standardise,
    layers,
    shapes,
    unsupported,
)
from inkling.files import claimed, write_atomically
from inkling.ink import SIDE
from inkling.reading.reader import Reader

FILES = Path(__file__).parent / "c_files"  # the C, with places for what differs
LANES = 8  # outputs that inkling.c sums at once; they fit the registers of a Cortex-M4
FLOAT = 4  # bytes
FLOAT32 = "Weights are float32, so that readings are those of Python but for rounding"
INT8 = "Weights have 8 bits. So probabilities differ a little from those of Python, and a label may"


@dataclass(frozen=True, eq=False)
class Step:
    """What one `struct layer` does: weighted sums, the largest of each pool, scaled, shifted."""

    side: int  # of the image that goes in
    weights: Array | NDArray[np.int8]  # (O, K, K, I)
    scales: Array  # (O,)
    shifts: Array  # (O,)
    padding: int = 0
    pool: int = 1
    relu: bool = False

    @property
    def values(self) -> int:
        """How many come out."""
        outputs, kernel = self.weights.shape[:2]
        side = (self.side + 2 * self.padding - kernel + 1) // self.pool
        return int(outputs * side**2)


def write(reader: Reader, path: Path, int8: bool = False) -> Path:
    """Write inkling.c, inkling.h, an example and a README to a folder.

    Weights are float32, or of 8 bits. Raises InklingError.
    """
    network = layers(reader)
    chain = steps(network)
    values = _values(reader, network, [quantised(step) for step in chain] if int8 else chain)
    with claimed(path, "inkling.c", "inkling.h"):
        for file in sorted(FILES.iterdir()):
            text = Template(file.read_text()).substitute(values)
            write_atomically(path / file.name, text.encode())
    return path


def steps(network: Sequence[Layer]) -> list[Step]:
    """The layers, joined to as few steps as there can be.

    The largest of a pool may be taken before ReLU, and before a scale above 0. So no image is ever
    held that is larger than its pools leave it. What fits no step gets one with weights of 1.
    """
    found = list[Step]()
    for layer, shape in zip(network, shapes(network), strict=False):
        if isinstance(layer, Standardise):
            continue
        if isinstance(layer, Residual) or not _is_square(layer):
            raise unsupported("what is not square, or a branch")
        if isinstance(layer, Convolution | Dense):
            found.append(_weighted(layer, shape))
        elif found and (joined := _joined(found[-1], layer)):
            found[-1] = joined
        else:
            same = np.eye(shape[0], dtype=np.float32)[..., None, None]
            plain = Convolution(same, np.zeros(shape[0], np.float32), (0, 0))
            joined = _joined(_weighted(plain, shape), layer)
            assert joined
            found.append(joined)
    return found


def _is_square(layer: Layer) -> bool:
    """Whether windows, borders and pools are as high as they are wide."""
    match layer:
        case Convolution(weights, _, (rows, columns)):
            return weights.shape[2] == weights.shape[3] and rows == columns
        case MaxPool((rows, columns)):
            return rows == columns
    return True


def _weighted(layer: Convolution | Dense, shape: tuple[int, ...]) -> Step:
    """The step of weights alone; a dense layer is a window as large as the image."""
    channels, side = (*shape, 1)[:2]
    kernel, padding = side, 0
    if isinstance(layer, Convolution):
        kernel, padding = layer.weights.shape[2], layer.padding[0]
    outputs = len(layer.bias)
    weights = layer.weights.reshape(outputs, channels, kernel, kernel).transpose(0, 2, 3, 1)
    return Step(side, weights, np.ones(outputs, np.float32), layer.bias, padding)


def _joined(step: Step, layer: MaxPool | Affine | Relu) -> Step | None:
    """The step with this layer after it; None where it has no place there."""
    match layer:
        case Relu():
            return replace(step, relu=True)
        case MaxPool((size, _)) if step.pool == 1:
            sign = np.where(step.scales < 0, np.float32(-1), np.float32(1))
            weights = step.weights * sign[:, None, None, None]
            return replace(step, weights=weights, scales=step.scales * sign, pool=size)
        case Affine(scale, shift) if not step.relu:
            return replace(step, scales=step.scales * scale, shifts=step.shifts * scale + shift)
    return None


def quantised(step: Step) -> Step:
    """The step with weights of 8 bits, from -127 to 127, their units in the scales."""
    largest = np.abs(step.weights).max((1, 2, 3), keepdims=True)
    units = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    whole = np.round(step.weights / units).astype(np.int8)
    return replace(step, weights=whole, scales=step.scales * units[:, 0, 0, 0])


def _values(reader: Reader, network: Sequence[Layer], chain: Sequence[Step]) -> dict[str, object]:
    """What stands at the places of the files."""
    card = reader.card
    epsilon = next((layer.epsilon for layer in network if isinstance(layer, Standardise)), None)
    accepts = card.acceptance
    room = [max([SIDE * SIDE, *(step.values for step in chain[1::2])])]
    room.append(max(step.values for step in chain[::2]))
    is_float = chain[0].weights.dtype == np.float32
    return {
        "model_sha256": card.model_sha256,
        "licence": card.licence,
        "classes": len(card.classes),
        "names": ", ".join(_text(name) for name in card.classes),
        "standardises": int(epsilon is not None),
        "epsilon": _number(epsilon or 0),
        "temperature": _number(card.temperature),
        "can_accept": int(accepts is not None),
        "min_confidence": _number(accepts.min_confidence if accepts else 0),
        "max_ood_score": _number(highest_score(accepts) if accepts else 0),
        "type": "float" if is_float else "signed char",
        "precision": FLOAT32 if is_float else INT8,
        "weights": "\n".join(_arrays(number, step) for number, step in enumerate(chain, 1)),
        "network": "\n".join(_row(number, step) for number, step in enumerate(chain, 1)),
        "a": room[0],
        "b": room[1],
        "memory": f"{FLOAT * sum(room):,}",
        "reading": FLOAT * (len(card.classes) + 4),
        "flash": f"{sum(s.weights.nbytes + s.scales.nbytes + s.shifts.nbytes for s in chain):,}",
        "multiply_adds": f"{card.multiply_adds:,}",
        "attribution": "\n".join(one.line for one in card.attribution),
    }


def _arrays(number: int, step: Step) -> str:
    """The arrays of a step, a line each; of the weights, LANES outputs lie side by side.

    At the end, zeros stand for what is read of outputs that are not there.
    """
    size = len(step.weights)
    blocks = [
        np.moveaxis(step.weights[first : first + LANES], 0, -1).ravel()
        for first in range(0, size, LANES)
    ]
    blocks.append(np.zeros(-size % LANES, step.weights.dtype))
    found = {
        f"weight weights_{number}": np.concatenate(blocks),
        f"float scales_{number}": step.scales,
        f"float shifts_{number}": step.shifts,
    }
    return "\n".join(
        f"static const {name}[] = {{{', '.join(_number(value) for value in array)}}};"
        for name, array in found.items()
    )


def _row(number: int, step: Step) -> str:
    """The step as a row of `network`."""
    outputs, kernel, _, channels = step.weights.shape
    sizes = (step.side, channels, outputs, kernel, step.padding, step.pool, int(step.relu))
    arrays = (f"{name}_{number}" for name in ("weights", "scales", "shifts"))
    return f"    {{{', '.join(map(str, (*sizes, *arrays)))}}},"


def _number(value: float | np.number) -> str:
    """A number as C has it; the shortest text that gives the same float."""
    if isinstance(value, np.int8):
        return str(value)
    if np.isinf(value):
        return "INFINITY"
    return f"{np.float32(value)!s}f"


def _text(text: str) -> str:
    """A text as C has it, in UTF-8. Octal numbers stand for what could mean something else."""
    plain = (chr(c) if chr(c).isalnum() and c < 128 else f"\\{c:03o}" for c in text.encode())
    return f'"{"".join(plain)}"'
