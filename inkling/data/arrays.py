"""A .npy or IDX file of many images of 28x28 pixels -> one array, checked before it is made."""

import io
import math
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from inkling import ink
from inkling.data import idx
from inkling.errors import DataError

SHAPES = ((ink.SIDE, ink.SIDE), (1, ink.SIDE, ink.SIDE), (ink.SIDE**2,))  # of one image


def parse(content: bytes) -> NDArray[Any]:
    """The images `(N, 1, 28, 28)` in a file, uint8 or floats as they are, read-only.

    Nothing is copied, and no pickle is loaded. Raises DataError.
    """
    if content.startswith(npy.MAGIC_PREFIX):
        images = _npy(content)
    elif content.startswith(idx.IDX):
        images = _idx(content)
    else:
        raise DataError(
            f"Expected a .npy or IDX file of images, got {content[:4].hex(' ') or 'nothing'}",
            "Write one with numpy.save; send pictures as a form, drawings as JSON",
        )
    if images.shape[1:] not in SHAPES:
        raise DataError(
            f"Expected the shape (N, 28, 28), (N, 1, 28, 28) or (N, 784), got {images.shape}",
            "Send images of other sizes as pictures, in a form",
        )
    return images.reshape(len(images), *SHAPES[1])


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape of a .npy file, whether it runs by column, and its type; then come the values.

    Raises what NumPy raises, and KeyError for a version that it does not know.
    """
    headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    return headers[npy.read_magic(file)](file)


def _idx(content: bytes) -> NDArray[np.uint8]:
    """The array of an IDX file."""
    try:
        return idx.parse(content, "The body")
    except (DataError, ValueError) as cause:  # ValueError: more axes than NumPy takes
        error = getattr(cause, "error", f"Expected images, but {cause}")
        raise DataError(error, "Send the whole file, unpacked") from cause


def _npy(content: bytes) -> NDArray[Any]:
    """The array of a .npy file. Source: NEP 1."""
    file = io.BytesIO(content)
    try:
        shape, by_column, dtype = npy_header(file)
    except Exception as cause:  # a header is Python: its parsers raise what they like
        raise DataError(
            "Expected a .npy file, but its header cannot be read", "Write it with numpy.save"
        ) from cause
    if dtype != np.uint8 and dtype.kind != "f":
        raise DataError(
            f"Expected uint8, or floats in [0, 1], got {dtype}", "Convert the array with .astype"
        )
    size, left = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
    if size != left or len(shape) > 4 or min(shape, default=0) < 0:
        raise DataError(
            f"Expected {size:,} bytes for shape {shape}, got {left:,}", "Send the whole file"
        )
    images = np.frombuffer(content, dtype, offset=file.tell())
    return images.reshape(shape, order="F" if by_column else "C")
