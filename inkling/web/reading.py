"""Reading over HTTP and the live socket."""

import contextlib
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, WebSocket, WebSocketDisconnect

from inkling import ink
from inkling.errors import InklingError
from inkling.ink.formats import KINDS
from inkling.reading.answers import Answer, LinesAnswer, NumberAnswer, of_reading
from inkling.reading.bundle import Card
from inkling.reading.numbers import Number
from inkling.reading.reader import Reader, Reading
from inkling.web.schemas import (
    READ_BODY,
    Explain,
    Known,
    LiveStrokes,
    MinAccuracy,
    Problem,
    WhatIsRead,
    parse,
    source_of,
)
from inkling.web.state import Current, State

READ_NUMBERS: dict[bool | str, Callable[..., Reading | Number | tuple[Number, ...]]] = {
    True: Reader.read_number,
    "auto": Reader.read_any,
    "lines": Reader.read_lines,
}
NOTHING_KNOWN = Known()
WRONG_KIND = 1003  # close code of RFC 6455, section 7.4.1

router = APIRouter()


async def _read(
    state: State,
    source: ink.Source,
    min_accuracy: float | None = None,
    number: WhatIsRead = False,
    explain: bool = False,
    known: Known = NOTHING_KNOWN,
) -> Answer | NumberAnswer | LinesAnswer:
    def work() -> Answer | NumberAnswer | LinesAnswer:
        reader, constraints = state.served.reader, known.constraints()
        if number:
            reading = READ_NUMBERS[number](reader, source, min_accuracy, constraints)
        elif constraints:
            raise InklingError(
                "Expected number=true with what is known of a number, got number=false",
                "Add number=true, auto or lines",
            )
        else:
            reading = reader.read(source, min_accuracy)
        explanation = None
        if explain and isinstance(reading, Reading):
            explanation = reader.explain(reading)
        return of_reading(reading, reader, with_image=True, explanation=explanation)

    return await state.read(work)


@router.post(
    "/api/read",
    response_model=Answer | NumberAnswer | LinesAnswer,
    responses={413: {"model": Problem}, 422: {"model": Problem}},
    openapi_extra={"requestBody": READ_BODY},
    summary="Read a digit, a number, or several rows",
    description=f"Takes strokes, or a picture ({KINDS}): as the body, as a form's file, or as "
    "a data URL or base64 in the field `picture` of a form or of JSON.",
)
async def read(
    request: Request,
    state: Current,
    known: Annotated[Known, Depends()],
    min_accuracy: MinAccuracy = None,
    number: WhatIsRead = False,
    explain: Explain = False,
) -> Response:
    """Reads what the request sends."""
    answer = await _read(state, await source_of(request), min_accuracy, number, explain, known)
    return Response(answer.model_dump_json(exclude_unset=True), media_type="application/json")


@router.get("/readyz", summary="Whether it can read")
async def readyz(state: Current) -> dict[str, str]:
    """Reads a stroke, as a digit and as a number, and says with which bundle."""
    await _read(state, ink.Drawing([[(0, 0), (0, 9)]]), number="auto")
    return {"status": "ready", "model_sha256": state.served.reader.card.model_sha256}


@router.get("/api/card", summary="The card of the served bundle")
async def card(state: Current) -> Card:
    """What the bundle is, and how good."""
    return state.served.reader.card


@router.websocket("/live")
async def live(socket: WebSocket, state: Current) -> None:
    """Strokes as they grow -> a reading; one answer a message."""
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):  # a client that left needs no answer
        while (message := await socket.receive())["type"] == "websocket.receive":
            if message.get("text") is None:
                return await socket.close(WRONG_KIND, "Expected text, got bytes")
            await socket.send_json(await _answer(state, message["text"]))
    return None


async def _answer(state: State, text: str) -> dict[str, object]:
    strokes = None
    try:
        strokes = parse(LiveStrokes, text)
        drawing = ink.Drawing(strokes.strokes, strokes.pen)
        answer = await _read(state, drawing, None, "auto", strokes.explain)
        return {"id": strokes.id, **answer.model_dump(exclude_unset=True)}
    except InklingError as error:
        return {"id": strokes.id if strokes else None, **Problem.of(error).model_dump()}
