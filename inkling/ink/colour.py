"""Turns colours into brightness: as an eye does, or so that ink differs most from its paper."""

import numpy as np
from numpy.typing import NDArray

from inkling.ink.decode import Pixels

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue: ITU-R BT.601
MIDDLE = 128  # grey level that stays as it is

Grey = NDArray[np.float32]


def luma(pixels: Pixels) -> Grey:
    """The brightness `(H, W)` to an eye, of a picture `(H, W)` or `(H, W, 3)`."""
    return np.asarray(pixels, np.float32) if pixels.ndim == 2 else _weighted(pixels, LUMA)


def brightness(pixels: Pixels) -> Grey:
    """The brightness `(H, W)` of a picture `(H, W)` or `(H, W, 3)`; grey levels stay as they are.

    Red ink on green paper may be as light as the paper. The axis is the principal direction of
    the differences between neighbouring pixels, so that light that changes slowly does not count.
    The largest differences decide: those across the outlines of strokes.
    """
    if pixels.ndim == 2:
        return np.asarray(pixels, np.float32)
    some = pixels[::2, ::2].astype(np.float64)
    steps = np.concatenate([np.diff(some, axis=axis).reshape(-1, 3) for axis in (0, 1)])
    strength = (steps**2).sum(1, keepdims=True)
    axis = np.linalg.eigh((steps * strength).T @ steps)[1][:, -1]
    axis *= (1 if axis.sum() >= 0 else -1) / np.sqrt(3)  # grey differences keep their size
    axis = axis.astype(np.float32)
    return np.asarray(_weighted(pixels, axis) + MIDDLE * (1 - axis.sum()), np.float32)


def _weighted(pixels: Pixels, weights: Grey) -> Grey:
    """The weighted sum of colours `(H, W)`. It is the same for a colour wherever that stands.

    A matrix product is not: where it is computed in blocks, the last of them rounds differently.
    """
    red, green, blue = (pixels[..., k] * weights[k] for k in range(3))
    return np.asarray(red + green + blue, np.float32)
