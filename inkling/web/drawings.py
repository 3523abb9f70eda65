"""Labelled drawings over HTTP: only what a person has labelled is stored."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from PIL import Image

from inkling import ink, plots
from inkling.drawings import MAX_PAGE, Filter, Labelled, Order
from inkling.web.schemas import READ_BODY, source_of
from inkling.web.state import Current

Digit = Annotated[int, Query(ge=0, le=9, description="The correct label")]

router = APIRouter(prefix="/api/drawings")


@dataclass
class Page:
    """The query of a page of drawings."""

    label: Annotated[int | None, Query(ge=0, le=9)] = None
    wrong: bool = False
    unsure: bool = False
    since: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d")] = None
    order: Order = "hardest"
    count: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50
    skip: Annotated[int, Query(ge=0)] = 0


@router.post("", status_code=201, openapi_extra={"requestBody": READ_BODY})
async def store_drawing(
    request: Request,
    state: Current,
    label: Digit,
    session: Annotated[str, Query(max_length=64, description="A random name of the sender")] = "",
    idempotency_key: Annotated[
        str | None,
        Query(min_length=8, max_length=64, description="A random name: sent twice, stored once"),
    ] = None,
) -> dict[str, Any]:
    """Store a drawing or picture, sent as to /api/read, with its label. It is on disk then."""
    source = await source_of(request)

    def work() -> dict[str, Any]:
        reader = state.served.reader
        reading = reader.read(source)
        drawn = source if isinstance(source, ink.Drawing) else None
        drawing = Labelled(
            label=label,
            reading=reading.label,
            confidence=reading.confidence,
            ood_score=reading.ood_score,
            accepted=reading.accepted,
            model_sha256=reader.card.model_sha256,
            strokes=[[list(p) for p in stroke] for stroke in drawn.strokes] if drawn else None,
            pen=drawn.pen if drawn else None,
            picture=source if isinstance(source, bytes) else None,
            session=session,
            idempotency_key=idempotency_key,
        )
        return state.store.add(drawing).to_json()

    return await state.run(work)


@router.get("", summary="A page of the drawings, the hardest to read first")
async def find(state: Current, page: Annotated[Page, Depends()]) -> list[dict[str, Any]]:
    """Those that fit every value given."""
    which = Filter(page.label, page.wrong, page.unsure, page.since)
    found = await state.run(state.store.find, which, page.order, page.count, page.skip)
    return [drawing.to_json() for drawing in found]


@router.get("/stats", summary="How many there are, and how many were read correctly")
async def stats(state: Current) -> dict[str, Any]:
    """In all, by label and by day."""
    return await state.run(state.store.stats)


@router.get("/{number}/image", response_class=Response, summary="As it is read, PNG")
async def image(number: int, state: Current) -> Response:
    """28x28 pixels, ink high."""

    def work() -> bytes:
        seen = ink.to_image(state.store.get(number).source, state.served.reader.card.frame)
        return plots.png(Image.fromarray((seen[0] * 255).round().astype("uint8")))

    return Response(await state.run(work), media_type="image/png")


@router.patch("/{number}", summary="Change its label")
async def relabel(number: int, label: Digit, state: Current) -> dict[str, Any]:
    """The drawing, with its new label."""
    return (await state.run(state.store.relabel, number, label)).to_json()


@router.delete("/{number}", status_code=204, summary="Delete it")
async def delete(number: int, state: Current) -> None:
    """Nothing of it stays."""
    await state.run(state.store.delete, number)
