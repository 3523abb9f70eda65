"""What is answered, as plain values: the one schema of the API, the CLI's JSON and the page."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from inkling.reading.bundle import Card
from inkling.reading.numbers import Box, Number
from inkling.reading.reader import SET_LEVEL, Reader, Reading


class Answer(BaseModel):
    """A reading of one digit."""

    label: int = Field(description="Index of the likeliest class")
    name: str = Field(description="Its name")
    confidence: float = Field(description="Its probability, calibrated")
    ood_score: float = Field(
        description="Out-of-distribution score in nats: above 0 for what shows no digit"
    )
    accepted: bool | None = Field(description="Whether to believe it; null if the bundle can't say")
    labels: list[int] | None = Field(
        description=f"Label set, the likeliest first: holds the true label of {SET_LEVEL:.1%}"
    )
    probabilities: list[float] = Field(description="Of every class; they sum to 1")
    model: str = Field(description="The bundle that read it: how its SHA-256 begins")
    image: list[list[int]] | None = Field(
        None, description="What the network saw: 28 rows of 0..255, ink high"
    )
    image_box: Box | None = Field(
        None, description="Where that image lies; see the parts of a number"
    )
    explanation: list[list[float]] | None = Field(
        None, description="If asked for: what each pixel's ink did for the label, in nats"
    )

    @classmethod
    def of(
        cls,
        reading: Reading,
        card: Card,
        image_box: Box | None = None,
        explanation: NDArray[np.float32] | None = None,
    ) -> Self:
        """The answer of a reading by the bundle of `card`; with its image if its box is given."""
        answer = cls(**_values(reading), model=_model(card))
        if image_box is not None:
            answer.image_box = _rounded(image_box)
            answer.image = np.rint(reading.image[0] * 255).astype(int).tolist()
        if explanation is not None:
            answer.explanation = explanation.astype(float).round(2).tolist()
        return answer


class TextAnswer(BaseModel):
    """A text that could be written."""

    text: str = Field(description='"" where there may be nothing')
    confidence: float


class PartAnswer(BaseModel):
    """A character of a number."""

    text: str = Field(description='"?" where the ink is no character of a number')
    confidence: float
    box: Box = Field(
        description="Left, top, right, bottom: pixels of the picture, or the unit of the strokes"
    )
    alternatives: list[TextAnswer] = Field(description="What else it could be, likeliest first")


class NumberAnswer(BaseModel):
    """A reading of a number."""

    text: str = Field(description="As -12.5")
    confidence: float = Field(description="That all of it is correct")
    accepted: bool | None = Field(description="Whether to believe it; null if the bundle can't say")
    model: str = Field(description="The bundle that read it: how its SHA-256 begins")
    parts: list[PartAnswer] = Field(description="From left to right")
    alternatives: list[TextAnswer] = Field(description="Other texts, the likeliest first")
    box: Box = Field(description="Around the number; see its parts")

    @classmethod
    def of(cls, number: Number, card: Card) -> Self:
        """The answer of a number read by the bundle of `card`."""
        return cls(
            text=number.text,
            confidence=round(number.confidence, 6),
            accepted=number.accepted,
            model=_model(card),
            parts=[
                PartAnswer(
                    text=part.text,
                    confidence=round(part.confidence, 6),
                    box=_rounded(part.box),
                    alternatives=_texts(part.alternatives),
                )
                for part in number.parts
            ],
            alternatives=_texts(number.alternatives),
            box=_rounded(number.box),
        )


class LinesAnswer(BaseModel):
    """A reading of several rows."""

    lines: list[NumberAnswer] = Field(description="From top to bottom")
    model: str = Field(description="The bundle that read it: how its SHA-256 begins")

    @classmethod
    def of(cls, numbers: Sequence[Number], card: Card) -> Self:
        """The answer of rows read by the bundle of `card`."""
        return cls(lines=[NumberAnswer.of(number, card) for number in numbers], model=_model(card))


def of_reading(
    reading: Reading | Number | Sequence[Number], reader: Reader, **options: Any
) -> Answer | NumberAnswer | LinesAnswer:
    """The answer of whatever a reader gave; `options` are those of Answer.of."""
    if isinstance(reading, Reading):
        return Answer.of(reading, reader.card, **options)
    card = reader.lines.card
    if isinstance(reading, Number):
        return NumberAnswer.of(reading, card)
    return LinesAnswer.of(reading, card)


def _texts(texts: Sequence[tuple[str, float]]) -> list[TextAnswer]:
    return [TextAnswer(text=text, confidence=round(share, 6)) for text, share in texts]


def _rounded(box: Box) -> Box:
    left, top, right, bottom = (round(side, 1) for side in box)
    return left, top, right, bottom


def _model(card: Card) -> str:
    return card.model_sha256[:12]


def _values(reading: Reading) -> dict[str, Any]:
    return {
        "label": reading.label,
        "name": reading.name,
        "confidence": round(reading.confidence, 6),
        "ood_score": round(reading.ood_score, 4),
        "accepted": reading.accepted,
        "labels": reading.labels,
        "probabilities": [round(float(p), 6) for p in reading.probabilities],
    }
