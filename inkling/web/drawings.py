"""Labelled drawings over HTTP: only what a person has labelled is stored."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from PIL import Image

from inkling import ink, plots
from inkling.drawings import MAX_PAGE, Filter, Labelled, Order
from inkling.errors import InkError
from inkling.reading.bundle import Card
from inkling.web.schemas import MAX_INTEGER, READ_BODY, source_of
from inkling.web.state import Current

Label = Annotated[int, Query(ge=0, le=MAX_INTEGER, description="The correct label")]
Number = Annotated[int, Path(ge=0, le=MAX_INTEGER)]

router = APIRouter(prefix="/api/drawings")


@dataclass
class Page:
    """The query of a page of drawings."""

    label: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None
    wrong: bool = False
    unsure: bool = False
    since: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d")] = None
    order: Order = "hardest"
    count: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50
    skip: Annotated[int, Query(ge=0, le=MAX_INTEGER)] = 0


@router.post("", status_code=201, openapi_extra={"requestBody": READ_BODY})
async def store_drawing(
    request: Request,
    state: Current,
    label: Label,
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
        name = _name(reader.card, label)
        reading = reader.read(source)
        drawn = source if isinstance(source, ink.Drawing) else None
        drawing = Labelled(
            label=label,
            name=name,
            dataset=reader.card.dataset,
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
async def image(number: Number, state: Current) -> Response:
    """28x28 pixels, ink high."""

    def work() -> bytes:
        seen = ink.to_image(state.store.get(number).source, state.served.reader.card.frame)
        return plots.png(Image.fromarray((seen[0] * 255).round().astype("uint8")))

    return Response(await state.run(work), media_type="image/png")


@router.patch("/{number}", summary="Change its label")
async def relabel(number: Number, label: Label, state: Current) -> dict[str, Any]:
    """The drawing, with its new label: a class of the served bundle, as the old one is."""

    def work() -> dict[str, Any]:
        card, old = state.served.reader.card, state.store.get(number)
        name = _name(card, label)
        if card.classes[old.label : old.label + 1] != (old.name,):
            raise InkError(
                f"Drawing {number} shows {old.name}, which the served bundle does not read",
                f"Serve a bundle of {old.dataset} first",
            )
        return state.store.relabel(number, label, name).to_json()

    return await state.run(work)


@router.delete("/{number}", status_code=204, summary="Delete it")
async def delete(number: Number, state: Current) -> None:
    """Nothing of it stays."""
    await state.run(state.store.delete, number)


def _name(card: Card, label: int) -> str:
    """The name of a label. Raises InkError if the bundle has no such class."""
    if label < len(card.classes):
        return card.classes[label]
    raise InkError(
        f"Expected a label from 0 to {len(card.classes) - 1}, got {label}",
        "Serve a bundle that reads it first",
    )
