"""What is drawn, as the store keeps it: read by a reader, and labelled by a person."""

from typing import Any

from inkling import ink
from inkling.drawings.store import Labelled
from inkling.errors import InkError
from inkling.reading.bundle import Card
from inkling.reading.reader import Reader


def labelled(
    reader: Reader, source: ink.Drawing | bytes, correct: int | str, **more: Any
) -> Labelled:
    """A drawing, or a picture's bytes, with its label or text, and as what it was read.

    `more` are other values of it. Raises InkError where it cannot be read, or has no such label.
    """
    drawn = source if isinstance(source, ink.Drawing) else None
    return Labelled(
        label=correct,
        name=name_of(reader.card, correct),
        dataset=reader.card.dataset,
        **_read(reader, source, isinstance(correct, str)),
        strokes=[[list(p) for p in stroke] for stroke in drawn.strokes] if drawn else None,
        pen=drawn.pen if drawn else None,
        picture=source if isinstance(source, bytes) else None,
        **more,
    )


def _read(reader: Reader, source: ink.Drawing | bytes, as_number: bool) -> dict[str, Any]:
    """What is stored of a reading: of a number, or of a digit."""
    if as_number:
        number = reader.read_number(source)
        return {
            "reading": number.text,
            "confidence": number.confidence,
            "ood_score": None,
            "accepted": number.accepted,
            "model_sha256": reader.lines.card.model_sha256,
        }
    reading = reader.read(source)
    return {
        "reading": reading.label,
        "confidence": reading.confidence,
        "ood_score": reading.ood_score,
        "accepted": reading.accepted,
        "model_sha256": reader.card.model_sha256,
    }


def name_of(card: Card, label: int | str) -> str:
    """The name of a label. Raises InkError if the bundle has no such class."""
    if isinstance(label, str):
        return label
    if label < len(card.classes):
        return card.classes[label]
    raise InkError(
        f"Expected a label from 0 to {len(card.classes) - 1}, got {label}",
        "Serve a bundle that reads it first",
    )
