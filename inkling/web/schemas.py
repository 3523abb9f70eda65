"""What comes in and goes out: strokes, readings, numbers, errors; how a request is taken apart."""

from typing import Annotated, Literal, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from inkling import ink
from inkling.errors import InkError, InklingError, TooLarge
from inkling.reading.reader import SET_LEVEL

MAX_STROKES_BYTES = 1_000_000  # is parsed at once, while others wait


Point = Annotated[list[float], Field(min_length=2, max_length=3)]


class Strokes(BaseModel):
    """A drawing: strokes of [x, y] points, x to the right, y down, and the pen's width.

    A point may have the pressure of its pen, above 0 and at most 1, as third number.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    strokes: list[list[Point]] = Field(examples=[[[[150, 60], [190, 40], [190, 340]]]])
    pen: float = Field(ink.DEFAULT_PEN, description="Width, in the unit of the points")


class LiveStrokes(Strokes):
    """A message of the live socket; the answer carries the same id."""

    id: int
    explain: bool = False


Shape = TypeVar("Shape", bound=Strokes)
MinAccuracy = Annotated[
    float | None, Query(gt=0, lt=1, description="Share of what is accepted that is to be right")
]
SeveralDigits = Annotated[
    bool | Literal["auto"],
    Query(description="Read a line of digits instead of one; auto: where there seem to be several"),
]
Explain = Annotated[
    bool, Query(description="Say which ink spoke for the label, if it is one digit")
]


class Answer(BaseModel):
    """A reading."""

    label: int = Field(description="Index of the likeliest class")
    name: str = Field(description="Its name")
    confidence: float = Field(description="Its probability, calibrated")
    evidence: float = Field(description="How much speaks for any class at all, in nats")
    accepted: bool | None = Field(description="Whether to believe it; null if the bundle can't say")
    labels: list[int] | None = Field(
        description=f"What it may be, the likeliest first: holds the truth in {SET_LEVEL:.1%}"
    )
    probabilities: list[float] = Field(description="Of every class; they sum to 1")
    model: str = Field(description="Which bundle read it: its SHA-256 begins so")
    image: list[list[int]] = Field(description="What the network saw: 28 rows of 0..255, ink high")
    explanation: list[list[float]] | None = Field(
        None, description="If asked for: what each pixel's ink did for the label, in nats"
    )


class PartAnswer(BaseModel):
    """A digit or a sign of a number; of a sign, text, confidence and box alone."""

    text: str
    confidence: float
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right, bottom: pixels of the picture, or the unit of the strokes"
    )
    label: int | None = None
    name: str | None = None
    probabilities: list[float] | None = None
    evidence: float | None = None
    accepted: bool | None = None
    labels: list[int] | None = None


class NumberAnswer(BaseModel):
    """A reading of several digits."""

    text: str = Field(description="As -12.5")
    confidence: float = Field(description="That all of it is right")
    accepted: bool | None = Field(description="Whether to believe it; null if the bundle can't say")
    model: str = Field(description="Which bundle read it: its SHA-256 begins so")
    parts: list[PartAnswer] = Field(description="From left to right")


class Problem(BaseModel):
    """An error: what was expected and what came, and the way out."""

    error: str
    hint: str


READ_BODY = {
    "required": True,
    "content": {
        "image/png": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": Strokes.model_json_schema()},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            }
        },
    },
}


async def source_of(request: Request) -> ink.Drawing | bytes:
    """What a request wants read: the bytes of a picture, or a drawing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if not files:
                raise InkError("Expected a form with a file, got none", "Try -F file=@7.png")
            return await files[0].read()
    body = await request.body()
    if kind == "application/json":
        if len(body) > MAX_STROKES_BYTES:
            raise TooLarge(
                f"Expected strokes of at most {MAX_STROKES_BYTES:,} bytes, got {len(body):,}",
                "Send fewer points a stroke",
            )
        strokes = parse(Strokes, body)
        return ink.Drawing(strokes.strokes, strokes.pen)
    return body


def parse(shape: type[Shape], text: str | bytes) -> Shape:
    """The strokes that a text holds as JSON. Raises InkError."""
    try:
        return shape.model_validate_json(text)
    except ValidationError as cause:
        first = cause.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise InkError(
            f"Expected strokes as JSON, but {where}{first['msg']}",
            'For example: {"strokes": [[[150, 60], [190, 40], [190, 340]]], "pen": 30}',
        ) from cause


def problem(error: InklingError) -> dict[str, str]:
    """What is answered to an error."""
    return {"error": error.error, "hint": error.hint}
