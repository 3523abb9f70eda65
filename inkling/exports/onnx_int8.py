"""A bundle whose networks have 8 bits: a quarter of the size, and other numbers, if only a little.

    FOLDER/         a bundle, which `Reader.load` reads with
      model.onnx    the graph, QuantizeLinear and DequantizeLinear around each layer of weights
      card.json     with the figures of this graph
      numbers/      the same of the network that reads numbers, where digits are read

The ranges of what goes through the network are measured on images that it was trained with. The
temperature stays, for rounding does not move confidence as a whole. The thresholds are fitted
again where every source is here that they were fitted to; else they stay, for fewer writers would
promise less.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkling import acceptance, data, system
from inkling.acceptance import Texts
from inkling.data import Split, Splits
from inkling.errors import BundleError, InklingError, MissingExtra
from inkling.exports import Compared
from inkling.ink import SIDE, Drawing, lines
from inkling.reading import bundle, report
from inkling.reading.bundle import Card
from inkling.reading.graph import parse
from inkling.reading.numbers import LineReader
from inkling.reading.reader import Reader
from inkling.reading.session import LineSession, Session, padded

try:
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
except ImportError as cause:
    raise MissingExtra("This export", str(cause.name), "train") from cause

WEIGHTED = ["Conv", "Gemm", "MatMul"]  # layers of weights; between them, nothing is rounded
IMAGES = 1000  # of the training part, which tell the ranges; of more, accuracy is the same
TESTED = 2500  # images of the test part, of which rows are set
ROW = 5  # digits of a line that is set from images
ROOM = 8  # pixels of paper around it
Images = NDArray[np.float32]


class Calibration:
    """Inputs of a graph, one after the other, as ONNX Runtime asks for them."""

    def __init__(self, name: str, inputs: Iterable[Images]) -> None:
        self._inputs = ({name: each} for each in inputs)

    def get_next(self) -> dict[str, Images] | None:
        """The next; None after the last."""
        return next(self._inputs, None)


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of a source, as a line network gets them."""

    name: str
    images: list[Images]  # N lines, each (1, 32, W) in [0, 1]
    labels: list[str]  # (N,)
    writers: NDArray[np.str_] | None = None  # (N,)

    def read(self, session: LineSession, card: Card) -> Texts:
        """How sure a graph is of each, and whether it is right."""
        characters = "".join(card.classes)
        return report.read_texts(
            session, characters, self.name, self.images, self._says, self.writers
        )

    def _says(self, index: int, text: str) -> bool:
        return data.says(self.name.rpartition(":")[0], self.labels[index], text)


def write(reader: Reader, path: Path) -> Path:
    """Write the bundle to a folder.

    Raises DataError where the images that the bundle was trained with are not here, InklingError
    where it has 8 bits already, and BundleError where no new folder can be.
    """
    if path.is_file() or (path / bundle.CARD).exists():
        what = "a file" if path.is_file() else "a bundle"
        raise BundleError(f"{path}: expected a new folder, but {what} is there", "Name another")
    digits = _digits(reader)
    if reader.card.frame == "digit":
        bundle.write(path / bundle.NUMBERS.name, *_numbers(reader.lines))
    bundle.write(path, *digits)
    return path


def compare(before: Reader, after: Reader) -> list[Compared]:
    """How both read the test part, and those sources of their cards that are here."""
    card = before.card
    splits = _splits(card)
    found = [
        Compared(name, len(part), before.test(part).accuracy, after.test(part).accuracy)
        for name, part in [(f"{card.dataset}:test", splits.test), *_parts(card, splits)]
    ]
    if card.frame == "digit":
        for numbers in [_tested(before.lines.card), *_written(before.lines.card)]:
            texts = [numbers.read(one.lines.session, one.lines.card) for one in (before, after)]
            shares = [float(read.right.mean()) for read in texts]
            found.append(Compared(numbers.name, len(numbers.labels), *shares))
    return found


def quantised(model: bytes, name: str, inputs: Iterable[Images]) -> bytes:
    """A graph of float32 as one of 8 bits; inputs called `name` tell the ranges of its values.

    Weights have a scale for each output, and 7 of the 8 bits: a processor without VNNI adds two
    products in 16 bits, where larger ones overflow. Raises InklingError where it has them already.
    """
    if any(node.operator == "DequantizeLinear" for node in parse(model).nodes):
        raise InklingError("Expected a bundle of float32, got one of 8 bits", "Name another")
    with TemporaryDirectory() as folder:
        given, ready, found = (Path(folder, each) for each in ("given", "ready", "found"))
        given.write_bytes(model)
        quant_pre_process(given, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            found,
            Calibration(name, inputs),
            op_types_to_quantize=WEIGHTED,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
        )
        return found.read_bytes()


def network(reader: Reader) -> bytes:
    """The graph of a reader, of 8 bits. Raises as `write` does."""
    images = _few(_splits(reader.card).train, IMAGES).images()
    return quantised(reader.session.model, "images", [images])


def _digits(reader: Reader) -> tuple[Card, bytes]:
    """The bundle of a reader, of 8 bits."""
    card = reader.card
    splits = _splits(card)
    model = network(reader)
    session = Session(model, len(card.classes), 1, card.temperature, card.shape)
    parts = _parts(card, splits)
    figures = report.measured(session, card.temperature, splits.validation, splits.test, parts)
    if card.acceptance and len(parts) < len(card.acceptance.sources):
        figures["acceptance"] = card.acceptance
    return card.model_copy(update=_described(card, model) | figures), model


def _numbers(reader: LineReader) -> tuple[Card, bytes]:
    """The bundle of a line reader, of 8 bits."""
    card = reader.card
    images = (padded(row)[None] for row in _rows(_few(_splits(card).train, IMAGES)))
    model = quantised(reader.session.model, "lines", images)
    session = LineSession(model, len(card.classes))
    texts = [numbers.read(session, card) for numbers in _written(card)]
    figures: dict[str, Any] = {"test": _tested(card).read(session, card).measures}
    if card.acceptance and len(texts) == len(card.acceptance.sources):
        figures["acceptance"] = acceptance.fit_texts(texts)
    return card.model_copy(update=_described(card, model) | figures), model


def _described(card: Card, model: bytes) -> dict[str, Any]:
    """The fields of a card that say what the graph is."""
    return {
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": card.versions | system.versions("onnx", "onnxruntime"),
        "reports": {},  # they are of the other graph
    }


def _splits(card: Card) -> Splits:
    """The data set that a network was trained with, in its own parts. Raises DataError."""
    return data.splits(card.dataset, card.recipe.get("split", "standard"))


def _few(part: Split, count: int) -> Split:
    """At most so many images, from all over a part, that fill whole rows."""
    whole = min(count, len(part) // ROW * ROW) or len(part)
    return part[np.linspace(0, len(part) - 1, whole).astype(int)]


def _parts(card: Card, splits: Splits) -> list[tuple[str, Split]]:
    """The sources here that the thresholds of a card are fitted to, by name."""
    own = {f"{card.dataset}:validation": splits.validation}
    return [(name, own.get(name) or data.part(name)) for name in _here(card)]


def _written(card: Card) -> list[Numbers]:
    """The numbers here that the threshold of a card is fitted to."""
    found = []
    for name in _here(card):
        dataset, _, part = name.rpartition(":")
        items = data.items(data.get(dataset), part)
        images = [lines.of_strokes(Drawing(item.strokes)).image for item in items]
        writers = np.array([item.writer for item in items])
        found.append(Numbers(name, images, [item.label for item in items], writers))
    return found


def _tested(card: Card) -> Numbers:
    """Rows of images of the test part."""
    part = _few(_splits(card).test, TESTED)
    labels = part.labels.reshape(-1, ROW).tolist()
    texts = ["".join(map(str, row)) for row in labels]
    return Numbers(f"{card.dataset}:test, {ROW} in a row", list(_rows(part)), texts)


def _rows(part: Split) -> Iterator[Images]:
    """The images of a part, ROW side by side, each as the line `(1, 32, W)` that a reader sees."""
    for row in part.images()[:, 0].reshape(-1, ROW, SIDE, SIDE):
        found = lines.of(np.pad(np.hstack([*row]), ROOM))
        yield max(found, key=lambda line: line.image.shape[2]).image


def _here(card: Card) -> list[str]:
    """The sources that the thresholds of a card are fitted to, of data sets that are here."""
    names = [source.name for source in card.acceptance.sources] if card.acceptance else []
    return [name for name in names if data.is_here(data.get(name.rpartition(":")[0]))]
