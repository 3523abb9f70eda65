"""Reader: a bundle reads drawings and pictures, by ONNX Runtime alone.

>>> from inkling import Reader
>>> reading = Reader.load().read("digit.png")
>>> reading.label, reading.confidence
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inkling import bundle, ink
from inkling.errors import BundleError


@dataclass(frozen=True)
class Reading:
    """What the Reader says of one drawing or picture."""

    label: int  # the index of the likeliest class
    name: str  # of that class
    confidence: float  # its probability, calibrated
    probabilities: NDArray[np.float32]  # (K,), sum 1
    image: NDArray[np.float32]  # (1, 28, 28) in [0, 1]: what the network saw

    def to_json(self) -> dict[str, Any]:
        """Plain values; `image` becomes 28 rows of 0..255."""
        return {
            "label": self.label,
            "name": self.name,
            "confidence": round(self.confidence, 6),
            "probabilities": [round(float(p), 6) for p in self.probabilities],
            "image": np.rint(self.image[0] * 255).astype(int).tolist(),
        }


class Network:
    """An ONNX graph: images `(N, 1, 28, 28)` in [0, 1] -> logits, probabilities `(N, K)`."""

    def __init__(self, model: bytes, classes: int, threads: int = 1) -> None:
        """Load the graph from its bytes. Raises BundleError if its shapes are others."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what is wrong is raised, once, not logged as well
        # bundle.read has checked an ONNX graph: ONNX Runtime's own format must not pass as one
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as cause:  # the binding raises classes of its own for each status
            raise BundleError(
                "Expected a graph that ONNX Runtime can load, but it cannot",
                "Train the bundle anew, or update onnxruntime",
            ) from cause
        nodes = (*self._session.get_inputs(), *self._session.get_outputs())
        shapes = {node.name: tuple(node.shape[1:]) for node in nodes}
        side = ink.SIDE
        expected = {"images": (1, side, side), "logits": (classes,), "probabilities": (classes,)}
        if shapes != expected or any(isinstance(node.shape[0], int) for node in nodes):
            raise BundleError(
                f"Expected a graph of batches of any size with {expected}, got {shapes}",
                "Train the bundle anew",
            )
        if any(node.type != "tensor(float)" for node in nodes):
            kinds = ", ".join(sorted({node.type for node in nodes}))
            raise BundleError(f"Expected a graph of float32, got {kinds}", "Train the bundle anew")

    def run(self, output: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The "logits" or "probabilities" `(N, K)` of images `(N, 1, 28, 28)` in [0, 1]."""
        (result,) = self._session.run([output], {"images": images})
        return np.asarray(result, np.float32)


class Reader:
    """Reads with one bundle. Safe to share between threads."""

    def __init__(self, card: bundle.Card, network: Network) -> None:
        self.card = card
        self._network = network

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, threads: int = 1) -> "Reader":
        """The Reader of a bundle's folder; without a path, of the bundle that ships.

        One thread reads one image fastest; give more for large batches. Raises BundleError.
        """
        card, model = bundle.read(bundle.PRETRAINED if path is None else Path(path))
        return cls(card, Network(model, len(card.classes), threads))

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities `(N, K)` of images `(N, 1, 28, 28)` in [0, 1], ink = 1 on 0."""
        return self._network.run("probabilities", images)

    def read(self, source: ink.Source) -> Reading:
        """Read one path, bytes of a file, PIL image, array or Drawing.

        Raises NothingDrawn if there is no ink, InkError if it cannot be decoded.
        """
        return self.read_many([source])[0]

    def read_many(self, sources: Iterable[ink.Source]) -> list[Reading]:
        """Read several in one batch; raises as `read` does, for the first that fails."""
        images = [ink.to_image(source, self.card.frame) for source in sources]
        if not images:
            return []
        rows = self.probabilities(np.stack(images))
        return [self._reading(row, image) for row, image in zip(rows, images, strict=True)]

    def _reading(self, row: NDArray[np.float32], image: NDArray[np.float32]) -> Reading:
        label = int(row.argmax())
        return Reading(label, self.card.classes[label], float(row[label]), row, image)
