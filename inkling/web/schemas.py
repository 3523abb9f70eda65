"""What comes in, and errors: strokes, options, how a request is parsed."""

from typing import Annotated, Literal, Self, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from inkling import ink
from inkling.errors import InkError, InklingError, TooLarge

MAX_STROKES_BYTES = 1_000_000  # parsed in one go, while other requests wait
MAX_INTEGER = 2**31 - 1  # that every database takes

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
    float | None, Query(gt=0, lt=1, description="Accuracy that accepted readings must have")
]
SeveralDigits = Annotated[
    bool | Literal["auto"],
    Query(description="Read a line of digits instead of one; auto: where there seem to be several"),
]
Explain = Annotated[bool, Query(description="Of one digit, say which ink spoke for the label")]


class Problem(BaseModel):
    """An error: what was expected and what came, and the way out."""

    error: str
    hint: str

    @classmethod
    def of(cls, error: InklingError) -> Self:
        """The answer to an error."""
        return cls(error=error.error, hint=error.hint)


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
    """What a request sends to be read: the bytes of a picture, or a drawing."""
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
