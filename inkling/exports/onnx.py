"""The graph of a bundle, as it is."""

from pathlib import Path

from inkling.files import write_atomically
from inkling.reading.reader import Reader


def write(reader: Reader, path: Path) -> Path:
    """Write the ONNX graph: images `(N, 1, 28, 28)` to logits, probabilities and score."""
    write_atomically(path, reader.session.model)
    return path
