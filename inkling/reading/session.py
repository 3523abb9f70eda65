"""An ONNX graph, run by ONNX Runtime. The only module that knows it."""

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkling import acceptance
from inkling.errors import BundleError, InkError
from inkling.ink import SHAPES, Shape

# Before the import, which else writes to the user's cache and looks up a host of its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

DIGIT = SHAPES["digit"]
SCORE = "ood_score"
COLUMN = 4  # pixels of a line, of each column that a graph gives
IMAGES_AT_ONCE = 100  # whose features take 10 MB; more are no faster

Images = NDArray[np.float32] | NDArray[np.uint8]


class Outputs(NamedTuple):
    """What a graph gives for a batch of images."""

    probabilities: NDArray[np.float32]  # (N, K), rows sum to 1
    ood_scores: NDArray[np.float32]  # (N,), in nats; see acceptance.ood_score


class Tensor(NamedTuple):
    """An input or output of a graph, of float32."""

    name: str
    shape: tuple[int, ...]  # without the first axis, N; -1 where any size goes


class _Graph:
    """A graph in memory. Safe to share between threads; passes to other processes."""

    _made_of: tuple[Any, ...]  # the arguments, of which the bytes of the graph are the first
    _session: onnxruntime.InferenceSession

    @property
    def model(self) -> bytes:
        """The graph, as its file has it."""
        content: bytes = self._made_of[0]
        return content

    @property
    def takes(self) -> list[Tensor]:
        """Its inputs."""
        return [_tensor(node) for node in self._session.get_inputs()]

    @property
    def gives(self) -> list[Tensor]:
        """Its outputs."""
        return [_tensor(node) for node in self._session.get_outputs()]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of


class Session(_Graph):
    """A graph that reads images."""

    def __init__(
        self,
        model: bytes,
        classes: int,
        threads: int = 1,
        temperature: float | None = None,
        shape: Shape = DIGIT,
    ) -> None:
        """Load the graph from its bytes. Raises BundleError if it is not one of a bundle.

        `temperature` is the card's, which graphs of before 0.7.0 need: they give no score. `shape`
        is that of an image.
        """
        self._made_of = (model, classes, threads, temperature, shape)
        self._session = _opened(model, threads)
        self._temperature, self._shape = temperature, shape
        self._scored = _check(self._session, classes, temperature, shape)

    def run(self, images: Images) -> Outputs:
        """Probabilities and out-of-distribution scores of images `(N, C, H, W)`.

        They are float32 in [0, 1], or uint8 in 0..255.
        """
        if self._scored:
            return Outputs(*self._run(["probabilities", SCORE], images))
        assert self._temperature is not None  # _check has seen to it
        probabilities, logits = self._run(["probabilities", "logits"], images)
        scores = acceptance.ood_score(logits * self._temperature)
        return Outputs(probabilities, scores.astype(np.float32))

    def logits(self, images: Images) -> NDArray[np.float32]:
        """The logits `(N, K)`, divided by the temperature, of images as `run` takes them."""
        (logits,) = self._run(["logits"], images)
        return np.asarray(logits, np.float32)

    def _run(self, outputs: list[str], images: Images) -> list[NDArray[np.float32]]:
        """These outputs of the graph for images, a part at a time, so that memory stays small."""
        if images.shape[1:] != self._shape:
            raise InkError(
                f"Expected images of the shape {self._shape}, got {images.shape[1:]}",
                "Read them with a bundle of their data set",
            )
        if len(images) <= IMAGES_AT_ONCE:
            if images.dtype == np.uint8:
                images = images.astype(np.float32) / np.float32(255)
            return self._session.run(outputs, {"images": images})  # type: ignore[no-any-return]
        starts = range(0, len(images), IMAGES_AT_ONCE)
        parts = [self._run(outputs, images[start : start + IMAGES_AT_ONCE]) for start in starts]
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


class LineSession(_Graph):
    """A graph that reads lines."""

    def __init__(self, model: bytes, characters: int, threads: int = 1) -> None:
        """Load the graph from its bytes. Raises BundleError if it is not one that reads lines."""
        self._made_of = (model, characters, threads)
        self._session = _opened(model, threads)
        nodes = (*self._session.get_inputs(), *self._session.get_outputs())
        shapes = [(node.name, len(node.shape), node.type) for node in nodes]
        kind = "tensor(float)"
        expected = [("lines", 4, kind), ("log_probabilities", 3, kind)]
        if shapes != expected or nodes[1].shape[2] != characters + 1:
            raise BundleError(
                f"Expected a graph that reads lines of {characters} characters, got one with "
                f"{', '.join(node.name for node in nodes)}",
                "Train the bundle again",
            )

    def log_probabilities(self, line: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each column of a line `(1, 32, W)` in [0, 1], those of the classes `(T, 1 + K)`.

        A column is COLUMN pixels wide; class 0 is the blank.
        """
        (found,) = self._session.run(["log_probabilities"], {"lines": padded(line)[None]})
        return np.asarray(found[0], np.float32)


def padded(line: NDArray[np.float32]) -> NDArray[np.float32]:
    """A line `(1, 32, W)`, blank to the right so that it has whole columns."""
    return np.pad(line, ((0, 0), (0, 0), (0, -line.shape[2] % COLUMN)))


def _tensor(node: onnxruntime.NodeArg) -> Tensor:
    return Tensor(node.name, tuple(n if isinstance(n, int) else -1 for n in node.shape[1:]))


def _opened(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    """The session of a graph's bytes. Raises BundleError."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, not logged as well
    # bundle.read has checked an ONNX graph: ONNX Runtime's own format must not pass as one
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as cause:  # the binding has an exception class a status
        raise BundleError(
            "Expected a graph that ONNX Runtime can load, but it cannot",
            "Train the bundle again, or update onnxruntime",
        ) from cause


def _check(
    session: onnxruntime.InferenceSession, classes: int, temperature: float | None, shape: Shape
) -> bool:
    """Whether the graph gives a score. Raises BundleError if its inputs or outputs are others."""
    nodes = (*session.get_inputs(), *session.get_outputs())
    shapes = {node.name: tuple(node.shape[1:]) for node in nodes}
    expected = {"images": shape, "logits": (classes,), "probabilities": (classes,), SCORE: ()}
    scored = SCORE in shapes
    if not scored and temperature is not None:
        del expected[SCORE]
    if shapes != expected or any(isinstance(node.shape[0], int) for node in nodes):
        raise BundleError(
            f"Expected a graph of batches of any size with {expected}, got {shapes}",
            "Train the bundle again",
        )
    if any(node.type != "tensor(float)" for node in nodes):
        kinds = ", ".join(sorted({node.type for node in nodes}))
        raise BundleError(f"Expected a graph of float32, got {kinds}", "Train the bundle again")
    return scored
