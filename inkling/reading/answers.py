"""What is answered, as plain values: the one schema of the API, the CLI's JSON and the page."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from inkling.reading.bundle import Card
from inkling.reading.reader import SET_LEVEL, Number, Part, Reading


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
    explanation: list[list[float]] | None = Field(
        None, description="If asked for: what each pixel's ink did for the label, in nats"
    )

    @classmethod
    def of(
        cls,
        reading: Reading,
        card: Card,
        with_image: bool = False,
        explanation: NDArray[np.float32] | None = None,
    ) -> Self:
        """The answer of a reading by the bundle of `card`."""
        answer = cls(**_values(reading), model=_model(card))
        if with_image:
            answer.image = np.rint(reading.image[0] * 255).astype(int).tolist()
        if explanation is not None:
            answer.explanation = explanation.astype(float).round(2).tolist()
        return answer


class PartAnswer(BaseModel):
    """A digit or a sign of a number; a sign has text, confidence and box alone."""

    text: str
    confidence: float
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right, bottom: pixels of the picture, or the unit of the strokes"
    )
    label: int | None = None
    name: str | None = None
    probabilities: list[float] | None = None
    ood_score: float | None = None
    accepted: bool | None = None
    labels: list[int] | None = None

    @classmethod
    def of(cls, part: Part) -> Self:
        """The answer of a part of a number."""
        values = _values(part.reading) if part.reading else {}
        values |= {"text": part.text, "confidence": round(part.confidence, 6)}
        left, top, right, bottom = (round(side, 1) for side in part.box)
        return cls(**values, box=(left, top, right, bottom))


class NumberAnswer(BaseModel):
    """A reading of several digits."""

    text: str = Field(description="As -12.5")
    confidence: float = Field(description="That all of it is correct")
    accepted: bool | None = Field(description="Whether to believe it; null if the bundle can't say")
    model: str = Field(description="The bundle that read it: how its SHA-256 begins")
    parts: list[PartAnswer] = Field(description="From left to right")

    @classmethod
    def of(cls, number: Number, card: Card) -> Self:
        """The answer of a number read by the bundle of `card`."""
        return cls(
            text=number.text,
            confidence=round(number.confidence, 6),
            accepted=number.accepted,
            model=_model(card),
            parts=[PartAnswer.of(part) for part in number.parts],
        )


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
