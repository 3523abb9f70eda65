"""The graph of a bundle, run by ONNX Runtime, or by NumPy alone."""

import os
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from inkling import acceptance
from inkling.errors import BundleError, InkError, InklingError, suggest
from inkling.ink import SHAPES, Shape
from inkling.reading.graph import Value
from inkling.reading.numpy_engine import NumpyEngine

# Before ONNX Runtime is imported, which else writes to the user's cache and looks up its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

EngineName = Literal["onnxruntime", "numpy"]
ENVIRONMENT = "INKLING_READER_ENGINE"  # one of these names; without READER, it is of `serve`
DIGIT = SHAPES["digit"]
SCORE = "ood_score"
COLUMN = 4  # pixels of a line, of each column that a graph gives

Images = NDArray[np.float32] | NDArray[np.uint8]


class Outputs(NamedTuple):
    """What a graph gives for a batch of images."""

    probabilities: NDArray[np.float32]  # (N, K), rows sum to 1
    ood_scores: NDArray[np.float32]  # (N,), in nats; see acceptance.ood_score


class Tensor(NamedTuple):
    """An input or output of a graph, of float32."""

    name: str
    shape: tuple[int, ...]  # without the first axis, N; -1 where any size goes


class Engine(Protocol):
    """What runs a graph. Safe to share between threads."""

    images_at_once: ClassVar[int]  # at most, so that memory stays small
    takes: list[Value]
    gives: list[Value]

    def __init__(self, model: bytes, threads: int) -> None:
        """Load the graph from its bytes. Raises BundleError if it cannot be run."""

    def run(
        self, outputs: list[str], inputs: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """These outputs of the graph, from its inputs by name."""
        ...


class _Graph:
    """A graph in memory. Safe to share between threads; passes to other processes."""

    _made_of: tuple[Any, ...]  # the arguments, of which the bytes of the graph are the first

    def __init__(self, model: bytes, threads: int, engine: EngineName | None) -> None:
        self.engine: EngineName  # what runs it
        self.engine, kind = _engine(engine)
        self._runner = kind(model, threads)

    @property
    def model(self) -> bytes:
        """The graph, as its file has it."""
        content: bytes = self._made_of[0]
        return content

    @property
    def takes(self) -> list[Tensor]:
        """Its inputs."""
        return [Tensor(value.name, value.shape[1:]) for value in self._runner.takes]

    @property
    def gives(self) -> list[Tensor]:
        """Its outputs."""
        return [Tensor(value.name, value.shape[1:]) for value in self._runner.gives]

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
        engine: EngineName | None = None,
    ) -> None:
        """Load the graph from its bytes. Raises BundleError if it is not one of a bundle.

        `temperature` is the card's, which graphs of before 0.7.0 need: they give no score. `shape`
        is that of an image. Without a name, the `engine` is chosen as by `Reader.load`.
        """
        super().__init__(model, threads, engine)
        self._made_of = (model, classes, threads, temperature, shape, engine)
        self._temperature, self._shape = temperature, shape
        self._scored = _check(self._runner, classes, temperature, shape)

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
        count = self._runner.images_at_once
        if len(images) <= count:
            scale = np.float32(255 if images.dtype == np.uint8 else 1)
            return self._runner.run(outputs, {"images": images.astype(np.float32) / scale})
        starts = range(0, len(images), count)
        parts = [self._run(outputs, images[start : start + count]) for start in starts]
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


class LineSession(_Graph):
    """A graph that reads lines."""

    def __init__(
        self, model: bytes, characters: int, threads: int = 1, engine: EngineName | None = None
    ) -> None:
        """Load the graph from its bytes. Raises BundleError if it is not one that reads lines."""
        super().__init__(model, threads, engine)
        self._made_of = (model, characters, threads, engine)
        values = (*self._runner.takes, *self._runner.gives)
        found = [(value.name, len(value.shape), value.is_float) for value in values]
        expected = [("lines", 4, True), ("log_probabilities", 3, True)]
        if found != expected or values[1].shape[2] != characters + 1:
            raise BundleError(
                f"Expected a graph that reads lines of {characters} characters, got one with "
                f"{', '.join(value.name for value in values)}",
                "Train the bundle again",
            )

    def log_probabilities(self, line: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of each column of a line `(1, 32, W)` in [0, 1], those of the classes `(T, 1 + K)`.

        A column is COLUMN pixels wide; class 0 is the blank.
        """
        (found,) = self._runner.run(["log_probabilities"], {"lines": padded(line)[None]})
        return np.asarray(found[0], np.float32)


def padded(line: NDArray[np.float32]) -> NDArray[np.float32]:
    """A line `(1, 32, W)`, blank to the right so that it has whole columns."""
    return np.pad(line, ((0, 0), (0, 0), (0, -line.shape[2] % COLUMN)))


def _engine(name: EngineName | None) -> tuple[EngineName, type[Engine]]:
    """The engine of a name, or that of the environment, or the faster one that is here.

    Raises InklingError where there is none of that name, or where it cannot be imported.
    """
    wanted, known = name or os.environ.get(ENVIRONMENT), get_args(EngineName)
    if wanted and wanted not in known:
        raise InklingError(
            f"Expected an engine ({', '.join(known)}), got {wanted!r}",
            suggest(wanted, known, "Name none: it is chosen"),
        )
    if wanted == "numpy":  # without a look at the other, whose import may end the process
        return "numpy", NumpyEngine
    try:
        from inkling.reading.onnx_runtime import OnnxRuntime
    except (ImportError, OSError) as cause:
        if wanted:
            why = str(cause).partition("\n")[0]
            raise InklingError(
                f"Expected ONNX Runtime, but it cannot be imported: {why}",
                "Install it with: pip install onnxruntime; or name the engine numpy",
            ) from cause
        return "numpy", NumpyEngine
    return "onnxruntime", OnnxRuntime


def _check(engine: Engine, classes: int, temperature: float | None, shape: Shape) -> bool:
    """Whether the graph gives a score. Raises BundleError if its inputs or outputs are others."""
    values = (*engine.takes, *engine.gives)
    shapes = {value.name: value.shape[1:] for value in values}
    expected = {"images": shape, "logits": (classes,), "probabilities": (classes,), SCORE: ()}
    scored = SCORE in shapes
    if not scored and temperature is not None:
        del expected[SCORE]
    if shapes != expected or any(value.shape[:1] != (-1,) for value in values):
        raise BundleError(
            f"Expected a graph of batches of any size with {expected}, got {shapes}",
            "Train the bundle again",
        )
    if other := [value.name for value in values if not value.is_float]:
        raise BundleError(
            f"Expected a graph of float32, got another type of {', '.join(other)}",
            "Train the bundle again",
        )
    return scored
