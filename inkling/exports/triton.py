"""A bundle as a model repository for NVIDIA Triton Inference Server.

    README.md              how it is started and asked
    digits/                the model; of bundles that read no digits, `images`
      config.pbtxt         names, types and sizes, as the graph has them; thresholds of the card
      labels.txt           a class a line
      1/model.onnx         the graph, version 1
    numbers/               likewise the network that reads numbers, where digits are read

Names are those of Inkling's own server, which speaks the same protocol at /v2.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from string import Template

from inkling.acceptance import highest_score
from inkling.files import claimed, write_atomically
from inkling.reading.bundle import MODEL, Card
from inkling.reading.reader import Reader
from inkling.reading.session import LineSession, Session, Tensor

FILES = Path(__file__).parent / "triton_files"  # the README, with places for what differs
README, NUMBERS, CONFIG, LABELS = "README.md", "numbers.md", "config.pbtxt", "labels.txt"
BY_CLASS = "logits", "probabilities"  # outputs with a value for each class
MAX_BATCH = 64  # of images, or of lines of one width, that are read at once


def write(reader: Reader, path: Path) -> Path:
    """Write the repository to a folder. Raises InklingError where none can be, and BundleError."""
    reads_digits = reader.card.frame == "digit"
    name = "digits" if reads_digits else "images"
    models: list[tuple[str, Card, Session | LineSession]] = [(name, reader.card, reader.session)]
    if reads_digits:
        models.append(("numbers", reader.lines.card, reader.lines.session))
    with claimed(path, README, f"{name}/{CONFIG}"):
        for model, card, session in models:
            folder = path / model
            (folder / "1").mkdir(parents=True, exist_ok=True)
            write_atomically(folder / "1" / MODEL, session.model)
            write_atomically(folder / CONFIG, config(model, card, session).encode())
            if card.reads == "images":
                labels = (" ".join(name.split()) for name in card.classes)
                write_atomically(folder / LABELS, "".join(f"{x}\n" for x in labels).encode())
        write_atomically(path / README, _readme(reader, name).encode())
    return path


def config(name: str, card: Card, session: Session | LineSession) -> str:
    """The text of config.pbtxt, a ModelConfig of Triton's protocol buffers.

    Waiting requests are put together to a batch; those of lines where they have the same width.
    """
    lines = [f"name: {_text(name)}", 'backend: "onnxruntime"', f"max_batch_size: {MAX_BATCH}"]
    lines += [f"input {{ {_tensor(tensor)} }}" for tensor in session.takes]
    for tensor in session.gives:
        labels = f" label_filename: {_text(LABELS)}" if tensor.name in BY_CLASS else ""
        lines.append(f"output {{ {_tensor(tensor)}{labels} }}")
    lines.append("dynamic_batching {}")
    for key, value in _parameters(card):
        lines.append(f"parameters {{ key: {_text(key)} value {{ string_value: {_text(value)} }} }}")
    return "".join(f"{line}\n" for line in lines)


def _tensor(tensor: Tensor) -> str:
    """An input or output. Where the graph gives one number an image, Triton adds an axis."""
    dims = list(tensor.shape) or [1]
    shape = "" if tensor.shape else " reshape { shape: [] }"
    return f"name: {_text(tensor.name)} data_type: TYPE_FP32 dims: {dims}{shape}"


def _parameters(card: Card) -> Iterator[tuple[str, str]]:
    """What a client needs to know beside the outputs; Triton passes it on, and does not use it."""
    yield "model_sha256", card.model_sha256
    if card.reads == "lines":
        yield "characters", "".join(card.classes)
    if card.acceptance:
        yield "min_confidence", str(card.acceptance.min_confidence)
        if card.acceptance.max_ood_score is not None:
            yield "max_ood_score", str(highest_score(card.acceptance))


def _text(text: str) -> str:
    """A text as protocol buffers have it."""
    return json.dumps(text, ensure_ascii=False)


def _readme(reader: Reader, model: str) -> str:
    """How the repository is used; `model` is the name of the one that reads images."""
    card = reader.card
    has_numbers = card.frame == "digit"
    return Template((FILES / README).read_text()).substitute(
        numbers=(FILES / NUMBERS).read_text() if has_numbers else "",
        model=model,
        shape=", ".join(map(str, card.shape)),
        frame=card.frame,
        classes=len(card.classes),
        licence=card.licence,
        attribution="\n".join(one.line for one in card.attribution),
    )
