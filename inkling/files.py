"""Files written so that a crash leaves the old one or the new one, whole; where runs lie."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from inkling.errors import InklingError

RUNS = Path("runs")  # in the working folder, unless another is named


@contextmanager
def claimed(folder: Path, *files: str) -> Iterator[None]:
    """A folder that the block writes to: a new one, or one that these `files` mark as Inkling's.

    Raises InklingError where something else is in it, or where it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_ours = all((folder / name).is_file() for name in files)
        if not is_ours and any(folder.iterdir()):
            raise InklingError(
                f"{folder}: expected a new folder, or one that such an export made, got another",
                "Name a new one",
            )
        yield
    except OSError as cause:
        raise InklingError(
            f"{folder}: expected a folder to write to, but {cause.strerror or cause}",
            "Name another",
        ) from cause


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` under another name, sync it, and rename it to `path`."""
    with atomically(path) as file:
        file.write(content)


@contextmanager
def atomically(path: Path) -> Iterator[BinaryIO]:
    """A file of another name, which is synced and renamed to `path` if the block ends well."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)  # gone already, unless writing failed
    if os.name == "posix":  # elsewhere a folder cannot be opened, nor must its entry be synced
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
