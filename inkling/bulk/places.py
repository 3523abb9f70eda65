"""What is named -> parts: files of pictures, ranges of a file of many images, parts of a table.

A place is a path, a pattern as `scans/*.png`, or an address that PyArrow opens, as
`s3://bucket/scans`.
"""

import glob
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from pyarrow import NativeFile, fs, parquet

from inkling import ink
from inkling.data import arrays
from inkling.errors import InklingError

PICTURES = 64  # files of a part
IMAGES = 4096  # images of a part of a file of many
TABLE, ARRAYS = (".parquet", ".pq"), (".npy", "-ubyte", ".idx")  # endings of names
PARTS = ".parts"  # ends the name of a job's folder
ENDINGS = (*ink.ENDINGS, *TABLE, *ARRAYS)
IDX_IMAGES = b"\0\0\x08\x03"  # how a file of them begins

Kind = Literal["pictures", "images", "table"]


@dataclass(frozen=True)
class Part:
    """What one process reads at once."""

    kind: Kind
    places: tuple[str, ...]  # of pictures, each a file; of the others, one
    count: int  # pictures, images or rows in it
    start: int = 0  # the number of its first image or row
    group: int = 0  # of a table, which row group


class Opened(NamedTuple):
    """Where a place lies."""

    filesystem: fs.FileSystem
    path: str
    prefix: str  # that names the file system, as "s3://"; "" of this machine's

    def read(self) -> bytes:
        """The content of the file. Raises OSError."""
        with self.filesystem.open_input_stream(self.path) as file:
            return bytes(file.read())


def opened(place: str) -> Opened:
    """Where a place lies. Raises InklingError."""
    scheme, separator, _ = place.partition("://")
    if not separator:
        return Opened(fs.LocalFileSystem(), place, "")
    try:
        filesystem, path = fs.FileSystem.from_uri(place)
        return Opened(filesystem, path, f"{scheme}://")
    except Exception as cause:  # PyArrow raises several kinds
        first = str(cause).partition("\n")[0]
        raise InklingError(
            f"{place}: expected a path or an address that PyArrow opens, but {first}",
            "Name a folder, a file, a pattern, or s3://bucket/folder",
        ) from cause


def parts_of(places: Iterable[str]) -> list[Part]:
    """The parts of all places, in order; of a folder, by the names of its files.

    Raises InklingError where there is nothing, or nothing that can be read.
    """
    found: list[Part] = []
    pictures: list[str] = []
    for file in _files(places):
        if file.endswith((*TABLE, *ARRAYS)):
            found += [*_pictures(pictures), *_ranges(file)]
            pictures = []
        else:
            pictures.append(file)
    found += _pictures(pictures)
    if not sum(part.count for part in found):
        raise InklingError(
            "Expected pictures or tables to read, found none",
            f"Name a folder with any of: {' '.join(ENDINGS)}",
        )
    return found


def _files(places: Iterable[str]) -> Iterator[str]:
    """The files of places, with their prefix."""
    for place in places:
        filesystem, path, prefix = opened(place)
        info = filesystem.get_file_info(path)
        if info.type == fs.FileType.File:
            yield place
        elif info.type == fs.FileType.Directory:
            inside = filesystem.get_file_info(fs.FileSelector(path, recursive=True))
            yield from (prefix + name for name in sorted(i.path for i in inside if _is_read(i)))
        elif matching := [] if prefix else sorted(glob.glob(place, recursive=True)):  # noqa: PTH207 - a pattern may be absolute
            yield from _files(matching)
        else:
            raise InklingError(
                f"{place}: expected a folder, a file or a pattern, found nothing there",
                "Check the name; a pattern is written as 'scans/*.png'",
            )


def _is_read(info: fs.FileInfo) -> bool:
    """Whether a file in a folder is to be read, by its name; not what a job has written there."""
    name = info.base_name
    return (
        info.type == fs.FileType.File
        and name.lower().endswith(ENDINGS)
        and not name.startswith("._")
        and f"{PARTS}/" not in info.path
    )


def _pictures(files: list[str]) -> Iterator[Part]:
    for start in range(0, len(files), PICTURES):
        some = tuple(files[start : start + PICTURES])
        yield Part("pictures", some, len(some))


def _ranges(file: str) -> Iterator[Part]:
    """The parts of a table or of a file of many images. Raises InklingError."""
    filesystem, path, _ = opened(file)
    try:
        with filesystem.open_input_file(path) as content:
            if file.endswith(TABLE):
                table = parquet.ParquetFile(content).metadata
                before = 0
                for group in range(table.num_row_groups):
                    rows = table.row_group(group).num_rows
                    yield Part("table", (file,), rows, before, group)
                    before += rows
                return
            shape, _ = header(content)
    except (OSError, KeyError, ValueError, struct.error) as cause:
        first = str(cause).partition("\n")[0]
        kind = "a Parquet table" if file.endswith(TABLE) else "images as .npy or IDX, unpacked"
        raise InklingError(f"{file}: expected {kind}, but {first}", "Write it again") from cause
    for start in range(0, shape[0], IMAGES):
        yield Part("images", (file,), min(IMAGES, shape[0] - start), start)


def header(file: NativeFile) -> tuple[tuple[int, ...], np.dtype]:
    """The shape `(N, ...)` and type of a file of images; it then stands at the first one.

    Raises KeyError, ValueError, struct.error.
    """
    begin = file.read(4)
    if begin == IDX_IMAGES:
        return struct.unpack(">3I", file.read(12)), np.dtype(np.uint8)
    file.seek(0)
    shape, by_column, dtype = arrays.npy_header(file)
    if by_column or math.prod(shape[1:]) != ink.SIDE**2 or dtype not in ("u1", "f2", "f4", "f8"):
        raise ValueError(f"it holds {dtype} of shape {shape}")
    return shape, dtype
