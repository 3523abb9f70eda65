"""A bundle for inkling-js with weights of 8 bits: half of the bytes, no longer the same numbers."""

from pathlib import Path

from inkling.exports import js
from inkling.reading.reader import Reader


def write(reader: Reader, path: Path) -> Path:
    """Write what `js.write` does, with weights of 8 bits and a scale for each output."""
    return js.write(reader, path, int8=True)
