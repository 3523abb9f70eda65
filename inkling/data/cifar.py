"""CIFAR-10's binary form -> arrays, and the files of its archive.

An image is a byte for its label, then its red, green and blue values, each row by row.
Source: "Binary version" on the page of CIFAR-10 (Krizhevsky).
"""

import hashlib
import math
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkling.data.catalog import File
from inkling.errors import DataError
from inkling.files import write_atomically
from inkling.ink import SHAPES

SHAPE = SHAPES["picture"]
ROW = 1 + math.prod(SHAPE)  # bytes of an image


def parse(content: bytes, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The images `(N, 3, 32, 32)` and labels `(N,)` in a file, read-only.

    `name` stands in the message of the DataError raised if the length is wrong.
    """
    if not content or len(content) % ROW:
        raise DataError(
            f"{name}: expected {ROW:,} bytes for each image, got {len(content):,} in all",
            "Delete it and fetch it again with: inkling data fetch",
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, ROW)
    pixels = rows[:, 1:].reshape(-1, *SHAPE)
    pixels.setflags(write=False)
    return pixels, rows[:, 0]


def serialize(pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bytes:
    """The bytes of images `(N, 3, 32, 32)` and labels `(N,)`: the inverse of `parse`."""
    return np.concatenate([labels[:, None], pixels.reshape(len(pixels), -1)], 1).tobytes()


def unpack(archive: Path, files: Sequence[File], folder: Path) -> bool:
    """Put the files of a tar archive into a folder, if all are there as published."""
    wanted, found = {file.name: file for file in files}, dict[str, bytes]()
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                file = wanted.get(member.name.rpartition("/")[2])
                if file and member.isfile() and (held := packed.extractfile(member)):
                    found[file.name] = held.read(file.size_bytes + 1)
    except (tarfile.TarError, zlib.error, EOFError, OSError):
        return False
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    if digests != {file.name: file.sha256 for file in files}:
        return False
    for name, content in found.items():
        write_atomically(folder / name, content)
    return True
