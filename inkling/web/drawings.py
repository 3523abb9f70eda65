"""What is kept, over HTTP: only when a person has said what it is."""

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from PIL import Image

from inkling import ink, plots
from inkling.drawings.store import MOST_AT_ONCE, Filter, Labelled, Order, Store
from inkling.reading.registry import Served
from inkling.web.schemas import READ_BODY, source_of
from inkling.web.threads import run

Digit = Annotated[int, Query(ge=0, le=9, description="What it really is")]


def add_drawings(app: FastAPI, served: Served, store: Store) -> None:
    """What is kept, and only when a person has said what it is."""

    @app.post("/api/drawings", status_code=201, openapi_extra={"requestBody": READ_BODY})
    async def keep(
        request: Request,
        label: Digit,
        session: Annotated[str, Query(max_length=64, description="A name made up by chance")] = "",
        sending: Annotated[
            str | None,
            Query(min_length=8, max_length=64, description="Another: sent again, it is kept once"),
        ] = None,
    ) -> dict[str, Any]:
        """Keep a drawing or picture, sent as to /api/read, with its label. It is on disk then."""
        source = await source_of(request)

        def work() -> dict[str, Any]:
            reader = served.reader
            reading = reader.read(source)
            drawn = source if isinstance(source, ink.Drawing) else None
            drawing = Labelled(
                label=label,
                reading=reading.label,
                confidence=reading.confidence,
                evidence=reading.evidence,
                accepted=reading.accepted,
                model_sha256=reader.card.model_sha256,
                strokes=[[list(p) for p in stroke] for stroke in drawn.strokes] if drawn else None,
                pen=drawn.pen if drawn else None,
                picture=source if isinstance(source, bytes) else None,
                session=session,
                sending=sending,
            )
            return store.add(drawing).to_json()

        return await run(app, work)

    @app.get("/api/drawings", summary="Some of what is kept, the hardest to read first")
    async def find(
        label: Annotated[int | None, Query(ge=0, le=9)] = None,
        wrong: bool = False,
        unsure: bool = False,
        since: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d")] = None,
        order: Order = "hardest",
        count: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 50,
        skip: Annotated[int, Query(ge=0)] = 0,
    ) -> list[dict[str, Any]]:
        found = await run(app, store.find, Filter(label, wrong, unsure, since), order, count, skip)
        return [drawing.to_json() for drawing in found]

    @app.get("/api/drawings/stats", summary="How many are kept, and read rightly")
    async def stats() -> dict[str, Any]:
        return await run(app, store.stats)

    @app.get("/api/drawings/{number}/image", response_class=Response, summary="As it is read, PNG")
    async def image(number: int) -> Response:
        def work() -> bytes:
            seen = ink.to_image(store.get(number).source, served.reader.card.frame)
            return plots.png(Image.fromarray((seen[0] * 255).round().astype("uint8")))

        return Response(await run(app, work), media_type="image/png")

    @app.patch("/api/drawings/{number}", summary="Say anew what it is")
    async def relabel(number: int, label: Digit) -> dict[str, Any]:
        return (await run(app, store.relabel, number, label)).to_json()

    @app.delete("/api/drawings/{number}", status_code=204, summary="Forget it")
    async def delete(number: int) -> None:
        await run(app, store.delete, number)
