"""The graph of a bundle, as it is."""

from pathlib import Path

from inkling.errors import InklingError
from inkling.files import write_atomically
from inkling.reading.reader import Reader


def write(reader: Reader, path: Path) -> Path:
    """Write the ONNX graph: images `(N, 1, 28, 28)` to logits, probabilities and score.

    Raises InklingError where it cannot be written.
    """
    try:
        write_atomically(path, reader.session.model)
    except OSError as cause:
        raise InklingError(
            f"{path}: expected a file to write to, but {cause.strerror}", "Name another"
        ) from cause
    return path
