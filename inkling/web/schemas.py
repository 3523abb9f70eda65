"""What comes in, and errors: strokes, options, how a request is parsed."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from fastapi import Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile

from inkling import ink
from inkling.errors import (
    InkError,
    InklingError,
    NoSuchDrawing,
    Overloaded,
    StoreError,
    StoreFull,
    TooLarge,
)
from inkling.ink.formats import KINDS
from inkling.reading.formats import Constraints
from inkling.web.guard import MAX_BODY_BYTES

MAX_STROKES_BYTES = 1_000_000  # parsed in one go, while other requests wait
OVERLOADED = 503
STATUS = {  # of other errors: 422
    TooLarge: 413,
    NoSuchDrawing: 404,
    StoreFull: 507,
    StoreError: 503,
    Overloaded: OVERLOADED,
}
MAX_INTEGER = 2**31 - 1  # that every database takes

Point = Annotated[list[float], Field(min_length=2, max_length=3)]


class Strokes(BaseModel):
    """A drawing: strokes of [x, y] points, x to the right, y down, and the pen's width.

    A point may have the pressure of its pen, above 0 and at most 1, as third number.
    """

    NOUN: ClassVar = "strokes"
    EXAMPLE: ClassVar = '{"strokes": [[[150, 60], [190, 40], [190, 340]]], "pen": 30}'
    model_config = ConfigDict(allow_inf_nan=False)

    strokes: list[list[Point]] = Field(examples=[[[[150, 60], [190, 40], [190, 340]]]])
    pen: float = Field(ink.DEFAULT_PEN, description="Width, in the unit of the points")


class PictureText(BaseModel):
    """A picture's file as text: a data URL, or base64."""

    NOUN: ClassVar = "a picture"
    EXAMPLE: ClassVar = '{"picture": "data:image/png;base64,..."}'
    model_config = ConfigDict(extra="forbid")

    picture: str = Field(examples=["data:image/png;base64,iVBORw0KGgo..."])


class LiveStrokes(Strokes):
    """A message of the live socket; the answer carries the same id."""

    id: int
    explain: bool = False
    image: bool = False


Shape = TypeVar("Shape", Strokes, LiveStrokes, PictureText)
MinAccuracy = Annotated[
    float | None, Query(gt=0, lt=1, description="Accuracy that accepted readings must have")
]
WhatIsRead = Annotated[
    bool | Literal["auto", "lines"],
    Query(
        description="Read a number instead of one digit; lines: several rows, each a number; "
        "auto: whatever there is"
    ),
]
Explain = Annotated[bool, Query(description="Of one digit, say which ink spoke for the label")]


WithImage = Annotated[bool, Query(description="Of one digit, answer what the network saw")]


@dataclass
class Known:
    """The query of what is known of a number before it is read."""

    format: Annotated[
        str | None,
        Query(description=r"Its form: a name, as date, or a regular expression, as \d{2}/\d{2}"),
    ] = None
    minimum: Annotated[float | None, Query(description="Its least value")] = None
    maximum: Annotated[float | None, Query(description="Its greatest value")] = None
    check: Annotated[str | None, Query(description="Its check digit: luhn, ean13, ...")] = None

    def constraints(self) -> Constraints:
        """The same, checked. Raises InklingError."""
        return Constraints.of(self.format, self.minimum, self.maximum, self.check)


class Problem(BaseModel):
    """An error: what was expected and what came, and the way out."""

    error: str
    hint: str

    @classmethod
    def of(cls, error: InklingError) -> Self:
        """The answer to an error."""
        return cls(error=error.error, hint=error.hint)


def problem(status: int, error: str, hint: str) -> JSONResponse:
    """The answer to an error."""
    sendable = error.encode(errors="replace").decode()  # JSON may hold half a character
    headers = {"Retry-After": "1"} if status == OVERLOADED else None
    return JSONResponse(Problem(error=sendable, hint=hint).model_dump(), status, headers)


def problem_of(error: InklingError) -> JSONResponse:
    """The answer to an error of ours."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
    return problem(status, error.error, error.hint)


_FILE = {"type": "string", "format": "binary", "description": KINDS}
_TEXT = PictureText.model_json_schema()
READ_BODY = {
    "required": True,
    "content": {
        "image/*": {"schema": _FILE},
        "application/pdf": {"schema": _FILE},
        "application/json": {"schema": {"oneOf": [Strokes.model_json_schema(), _TEXT]}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": _FILE, **_TEXT["properties"]},
                "oneOf": [{"required": ["file"]}, {"required": ["picture"]}],
            }
        },
    },
}


async def source_of(request: Request) -> ink.Drawing | bytes:
    """What a request sends to be read: the bytes of a picture, or a drawing. Raises InkError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _picture_of_form(request)
    body = await request.body()
    return source_of_json(body) if kind == "application/json" else body


async def _picture_of_form(request: Request) -> bytes:
    """The first file of a form, else the picture that its field `picture` or `file` holds."""
    async with request.form(max_files=1, max_fields=10, max_part_size=MAX_BODY_BYTES) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
        text = form.get("picture", form.get("file"))
        if isinstance(text, str):
            return _picture_of(text)
    raise InkError("Expected a form with a file, got none", "Try -F file=@7.png")


def source_of_json(body: bytes) -> ink.Drawing | bytes:
    """The drawing, or the bytes of a picture, in JSON. Raises InkError."""
    if len(body) > MAX_STROKES_BYTES and b"[" in body:  # the text of a picture has none
        raise TooLarge(
            f"Expected strokes of at most {MAX_STROKES_BYTES:,} bytes, got {len(body):,}",
            "Send fewer points a stroke",
        )
    if b'"picture"' in body:
        return _picture_of(parse(PictureText, body).picture)
    strokes = parse(Strokes, body)
    return ink.Drawing(strokes.strokes, strokes.pen)


def _picture_of(text: str) -> bytes:
    """The file in a data URL or in base64. Raises InkError."""
    return ink.from_data_url(text) if text[:5].lower() == "data:" else ink.from_base64(text)


def parse(shape: type[Shape], text: str | bytes) -> Shape:
    """The strokes or the picture that a text holds as JSON. Raises InkError."""
    try:
        return shape.model_validate_json(text)
    except ValidationError as cause:
        raise InkError(
            f"Expected {shape.NOUN} as JSON, but {first_problem(cause)}",
            f"For example: {shape.EXAMPLE}",
        ) from cause


def first_problem(cause: ValidationError) -> str:
    """What is wrong first, and where."""
    first = cause.errors()[0]
    return "".join(f"{part}: " for part in first["loc"]) + first["msg"]
