"""IDX bytes <-> arrays: the format in which MNIST and Fashion-MNIST are published.

Two zero bytes, one type byte (0x08, unsigned byte), one byte with the number of axes, each
axis as a big-endian 32-bit integer, then the values in row-major order.
Source: "The IDX file format" at the foot of the MNIST page (LeCun, Cortes, Burges).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling.errors import DataError

UNSIGNED_BYTE = 0x08
IDX, GZIP = b"\0\0", b"\x1f\x8b"  # how such a file begins


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of `path`, unpacked if it is packed; at most `limit` + 1 bytes.

    Its first bytes decide, as browsers unpack a .gz and keep its name. Raises DataError if the
    file cannot be read or its compressed stream is broken.
    """
    try:
        with path.open("rb") as file:
            start = file.read(2)
            file.seek(0)
            if start == GZIP or (path.suffix == ".gz" and start != IDX):
                return gzip.GzipFile(fileobj=file).read(limit + 1)
            return file.read(limit + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        raise DataError(
            f"{path}: expected a whole gzip file, but it is truncated or damaged ({cause})",
            "Delete it and fetch it again with: inkling data fetch",
        ) from cause
    except OSError as cause:
        raise DataError(
            f"{path}: expected a readable file, but {cause.strerror or cause}",
            "Check the path and its permissions",
        ) from cause


def parse(content: bytes, name: str) -> NDArray[np.uint8]:
    """The array in `content`, of the shape its header says, read-only.

    `name` stands in the message of the DataError raised when the header or length is wrong.
    """
    way_out = "Delete it and fetch it again with: inkling data fetch"
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != IDX or magic[2] != UNSIGNED_BYTE or not magic[3]:
        raise DataError(
            f"{name}: expected an IDX file of unsigned bytes (magic 00 00 08 0N), "
            f"got {magic.hex(' ') or 'nothing'}",
            way_out,
        )
    start = 4 + 4 * magic[3]
    if len(content) < start:
        raise DataError(
            f"{name}: expected a header of {start} bytes, got {len(content)} bytes in all", way_out
        )
    shape = struct.unpack(f">{magic[3]}I", content[4:start])
    if len(content) != start + math.prod(shape):
        raise DataError(
            f"{name}: expected {start + math.prod(shape):,} bytes for shape {shape}, "
            f"got {len(content):,}",
            way_out,
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def serialize(array: NDArray[np.uint8]) -> bytes:
    """The IDX bytes of `array`, of any shape with 1 to 255 axes: the inverse of `parse`."""
    return header(*array.shape) + array.tobytes()


def header(*shape: int) -> bytes:
    """What comes before the values of an array of that shape."""
    return struct.pack(f">4B{len(shape)}I", 0, 0, UNSIGNED_BYTE, len(shape), *shape)
