"""Labelled drawings over HTTP: only what a person has labelled is stored."""

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from numpy.typing import NDArray
from PIL import Image

from inkling import ink, plots
from inkling.drawings import MAX_PAGE, NUMBER, Filter, Order, Place
from inkling.drawings.archive import from_line, reason, to_line
from inkling.drawings.labelling import labelled, name_of
from inkling.errors import InkError, InklingError
from inkling.ink import lines
from inkling.web.schemas import MAX_INTEGER, READ_BODY, source_of
from inkling.web.state import Current

Label = Annotated[
    int | None, Query(ge=0, le=MAX_INTEGER, description="The correct label of a digit")
]
Text = Annotated[
    str | None, Query(pattern=f"^{NUMBER.pattern}$", description="Instead: the text of a number")
]
Number = Annotated[int, Path(ge=0, le=MAX_INTEGER)]

JSON = "application/json"
NEXT_PAGE = {
    "description": 'Where there are more: the next page, rel="next" (RFC 8288)',
    "schema": {"type": "string"},
}

router = APIRouter(prefix="/api/drawings")


@dataclass
class Page:
    """The query of a page of drawings."""

    label: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None
    numbers: Annotated[
        bool | None, Query(description="true: numbers alone; false: none of them")
    ] = None
    wrong: bool = False
    unsure: bool = False
    since: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d")] = None
    session: Annotated[str | None, Query(max_length=64, description="Of its writer")] = None
    order: Order = "hardest"
    count: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50
    after: Annotated[
        str | None, Query(max_length=64, description="As the Link of the page before has it")
    ] = None
    skip: Annotated[
        int, Query(ge=0, le=MAX_INTEGER, description="The Link is quicker, and loses none")
    ] = 0


@router.post("", status_code=201, openapi_extra={"requestBody": READ_BODY})
async def store_drawing(
    request: Request,
    state: Current,
    label: Label = None,
    text: Text = None,
    session: Annotated[str, Query(max_length=64, description="A random name of the sender")] = "",
    idempotency_key: Annotated[
        str | None,
        Query(min_length=8, max_length=64, description="A random name: sent twice, stored once"),
    ] = None,
) -> dict[str, Any]:
    """Store a drawing or picture, sent as to /api/read, with its label or text. It is on disk then.

    A text labels a number: it is read as one.
    """
    correct = _either(label, text)
    source = await source_of(request)

    def work() -> dict[str, Any]:
        drawing = labelled(
            state.served.reader,
            source,
            correct,
            session=session,
            idempotency_key=idempotency_key,
        )
        return state.store.add(drawing).to_json()

    return await state.run(work)


@router.get(
    "",
    summary="A page of the drawings, the hardest to read first",
    responses={200: {"headers": {"Link": NEXT_PAGE}}},
)
async def find(
    request: Request, response: Response, state: Current, page: Annotated[Page, Depends()]
) -> list[dict[str, Any]]:
    """Those that fit every value given. The header Link has the address of the next page.

    It goes on after the last drawing of this page, whatever is added, changed or deleted meanwhile.
    """
    which = Filter(page.label, page.wrong, page.unsure, page.since, page.session, page.numbers)
    after, count = _place(page.after, page.skip), page.count
    found = await state.run(state.store.find, which, page.order, count + 1, page.skip, after)
    if len(found) > count:
        query = request.query_params.multi_items()
        rest = [(key, value) for key, value in query if key not in ("after", "skip")]
        rest.append(("after", _cursor(found[count - 1].place)))
        response.headers["Link"] = f'<?{urlencode(rest)}>; rel="next"'
    return [drawing.to_json() for drawing in found[:count]]


@router.get("/stats", summary="How many there are, and how many were read correctly")
async def stats(state: Current) -> dict[str, Any]:
    """In all, by label and by day."""
    return await state.run(state.store.stats)


@router.get("/{number}/image", response_class=Response, summary="As it is read, PNG")
async def image(number: Number, state: Current) -> Response:
    """28x28 pixels, ink high; of a number, lines of 32 pixels."""

    def work() -> bytes:
        drawing, frame = state.store.get(number), state.served.reader.card.frame
        seen = _pixels(drawing.source, isinstance(drawing.label, str), frame)
        return plots.png(Image.fromarray((seen * 255).round().astype("uint8")))

    return Response(await state.run(work), media_type="image/png")


@router.get("/{number}", response_class=Response, summary="All of it, as exported")
async def get(number: Number, state: Current) -> Response:
    """Its picture is base64."""
    return Response(await state.run(lambda: to_line(state.store.get(number))), media_type=JSON)


@router.put("/{number}", status_code=204, summary="Put a deleted one back")
async def put_back(number: Number, request: Request, state: Current) -> None:
    """As it was: its body is what GET answered before."""
    content = await request.body()

    def work() -> None:
        try:
            drawing = from_line(content.decode())
        except ValueError as cause:
            raise InklingError(
                f"Expected a drawing as exported, but {reason(cause)}",
                "Send what GET answered before it was deleted",
            ) from cause
        state.store.put_back(replace(drawing, id=number))

    await state.run(work)


@router.patch("/{number}", summary="Change its label")
async def relabel(
    number: Number, state: Current, label: Label = None, text: Text = None
) -> dict[str, Any]:
    """The drawing, with its new label: a class of the served bundle, as the old one is.

    A number gets another text.
    """
    correct = _either(label, text)

    def work() -> dict[str, Any]:
        card, old = state.served.reader.card, state.store.get(number)
        name = name_of(card, correct)
        if type(correct) is not type(old.label):
            raise InklingError(
                f"Expected another label of the kind of {old.name}, got {name}",
                "Give a number a text, and a digit a label",
            )
        if isinstance(old.label, str):
            return state.store.relabel(number, correct).to_json()
        if card.classes[old.label : old.label + 1] != (old.name,):
            raise InkError(
                f"Drawing {number} shows {old.name}, which the served bundle does not read",
                f"Serve a bundle of {old.dataset} first",
            )
        return state.store.relabel(number, correct, name).to_json()

    return await state.run(work)


@router.delete("/{number}", status_code=204, summary="Delete it")
async def delete(number: Number, state: Current) -> None:
    """Nothing of it stays."""
    await state.run(state.store.delete, number)


def _pixels(source: ink.Drawing | bytes, as_number: bool, frame: ink.Frame) -> NDArray[np.float32]:
    """What a network sees of a drawing `(H, W)` in [0, 1]; of a number, every row."""
    if not as_number:
        pixels: NDArray[np.float32] = ink.to_image(source, frame)[0]
        return pixels
    rows = [line.image[0] for line in lines.of(source)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows])


def _cursor(place: Place) -> str:
    """A place in the drawings as a word of an address."""
    confidence, number = place
    return urlsafe_b64encode(f"{confidence!r} {number}".encode()).decode().rstrip("=")


def _place(cursor: str | None, skip: int) -> Place | None:
    """The place that a cursor is of. Raises InklingError."""
    if cursor is None:
        return None
    try:
        confidence, number = urlsafe_b64decode(cursor + "==").decode().split(" ")
        place = float(confidence), int(number)
        if not skip and math.isfinite(place[0]) and 0 <= place[1] <= MAX_INTEGER:
            return place
    except ValueError:
        pass
    raise InklingError(
        f"Expected after as a Link had it, and no skip, got {cursor!r} and {skip}",
        "Ask for the first page, and follow its Link",
    )


def _either(label: int | None, text: str | None) -> int | str:
    """The one that is given. Raises InklingError."""
    if label is not None and text is None:
        return label
    if text is not None and label is None:
        return text
    raise InklingError(
        f"Expected a label or a text, got {'none' if label is None else 'both'}",
        "Add label=7 for a digit, or text=12.50 for a number",
    )
