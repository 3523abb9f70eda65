"""Reading over HTTP and the live socket."""

import json
from collections.abc import Callable
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Request, Response, WebSocket, WebSocketDisconnect
from starlette._utils import get_route_path
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from inkling import ink
from inkling.errors import InklingError, Overloaded
from inkling.ink.formats import KINDS
from inkling.reading.answers import Answer, LinesAnswer, NumberAnswer, of_reading
from inkling.reading.bundle import Card
from inkling.reading.numbers import Number
from inkling.reading.reader import Reader, Reading
from inkling.reading.registry import Served
from inkling.web import monitoring
from inkling.web.guard import Rates
from inkling.web.protocol import Protocol
from inkling.web.readings import MAX_POINTS
from inkling.web.schemas import (
    READ_BODY,
    Explain,
    Known,
    LiveStrokes,
    MinAccuracy,
    Problem,
    WhatIsRead,
    WithImage,
    parse,
    problem_of,
    source_of,
    source_of_json,
)
from inkling.web.state import Current, State

READ_NUMBERS: dict[bool | str, Callable[..., Reading | Number | tuple[Number, ...]]] = {
    True: Reader.read_number,
    "auto": Reader.read_any,
    "lines": Reader.read_lines,
}
NOTHING_KNOWN = Known()
WRONG_KIND, TRY_AGAIN = 1003, 1013  # close codes of RFC 6455 and of its registry
MAX_SOCKETS = 256  # of a worker, that are live
MESSAGES_A_SECOND = 200.0  # of a live socket; a screen shows fewer
JSON, BYTES = b"application/json", b"application/octet-stream"

router = APIRouter()


async def _read(
    state: State,
    source: ink.Source,
    min_accuracy: float | None = None,
    number: WhatIsRead = False,
    explain: bool = False,
    known: Known = NOTHING_KNOWN,
    image: bool = False,
) -> Answer | NumberAnswer | LinesAnswer:
    answer = await state.readings.run(
        _answer_of, source, min_accuracy, number, explain, known, image
    )
    monitoring.count(answer)
    return answer


def _answer_of(
    served: Served,
    source: ink.Source,
    min_accuracy: float | None,
    number: WhatIsRead,
    explain: bool,
    known: Known,
    image: bool,
) -> Answer | NumberAnswer | LinesAnswer:
    reader, constraints = served.reader, known.constraints()
    if number:
        reading = READ_NUMBERS[number](reader, source, min_accuracy, constraints)
    elif constraints:
        raise InklingError(
            "Expected number=true with what is known of a number, got number=false",
            "Add number=true, auto or lines",
        )
    else:
        reading = reader.read(source, min_accuracy)
    explanation = box = None
    if explain and isinstance(reading, Reading):
        explanation = reader.explain(reading)
    if image and isinstance(reading, Reading):
        box = ink.image_box(source, reader.card.frame)
    return of_reading(reading, reader, image_box=box, explanation=explanation)


class FastRead:
    """Reads the commonest requests without what the others need.

    These are strokes as JSON, and images of 28x28 bytes, sent to /api/read without a query. What
    they are answered is what the route answers.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on; the interface of ASGI."""
        if not _is_plain(scope):
            await self._app(scope, receive, send)
            return
        scope["fast"] = True
        try:
            answer = await self._answer(_content_type(scope), await _body(receive))
        except ClientDisconnect:
            return
        except InklingError as error:
            await problem_of(error)(scope, receive, send)
            return
        content = answer.model_dump_json(exclude_unset=True).encode()
        headers = [(b"content-type", JSON), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, kind: bytes, body: bytes) -> Answer | NumberAnswer | LinesAnswer:
        source = source_of_json(body) if kind == JSON else body
        if isinstance(source, ink.Drawing) and sum(map(len, source.strokes)) <= MAX_POINTS:
            answer = await self._state.readings.digit(source)
        elif isinstance(source, bytes) and len(source) == ink.SIDE**2:
            pixels = np.frombuffer(source, np.uint8).astype(np.float32)
            image = pixels.reshape(1, ink.SIDE, ink.SIDE) / np.float32(255)
            answer = await self._state.readings.digit(image)
        else:
            return await _read(self._state, source)
        monitoring.count(answer)
        return answer


def _is_plain(scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "POST"
        and not scope["query_string"]
        and get_route_path(scope) == "/api/read"
        and _content_type(scope) in (JSON, BYTES)
    )


def _content_type(scope: Scope) -> bytes:
    found = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return bytes(found.partition(b";")[0].strip().lower())


async def _body(receive: Receive) -> bytes:
    """The body of a request. Raises ClientDisconnect, and TooLarge from the guard."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


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
    image: WithImage = False,
) -> Response:
    """Reads what the request sends."""
    source = await source_of(request)
    answer = await _read(state, source, min_accuracy, number, explain, known, image)
    return Response(answer.model_dump_json(exclude_unset=True), media_type="application/json")


@router.get("/readyz", summary="Whether it can read")
async def readyz(state: Current) -> dict[str, str]:
    """Reads a stroke, as a digit and as a number, and says with which bundle."""
    if Protocol.closing:
        raise Overloaded("Expected a server that goes on, but it is stopping", "Ask another")
    await _read(state, ink.Drawing([[(0, 0), (0, 9)]]), number="auto")
    return {"status": "ready", "model_sha256": state.served.reader.card.model_sha256}


@router.get(
    "/api/card",
    response_model_exclude={"report", "reports"},
    summary="The card of the served bundle",
)
async def card(state: Current) -> Card:
    """What the bundle is, and how good. Its reports are asked for by themselves: /api/models."""
    return state.served.reader.card


@router.websocket("/live")
async def live(socket: WebSocket, state: Current) -> None:
    """Strokes as they grow -> a reading; one answer a message."""
    await socket.accept()
    if state.sockets >= MAX_SOCKETS:
        return await socket.close(TRY_AGAIN, f"Expected at most {MAX_SOCKETS} live sockets")
    state.sockets += 1
    monitoring.LIVE.inc()
    try:
        await _answer_each(socket, state)
    except WebSocketDisconnect:  # a client that left needs no answer
        pass
    finally:
        state.sockets -= 1
        monitoring.LIVE.dec()
    return None


async def _answer_each(socket: WebSocket, state: State) -> None:
    rate = Rates(MESSAGES_A_SECOND)
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") is None:
            return await socket.close(WRONG_KIND, "Expected text, got bytes")
        if not rate.admit(""):
            return await socket.close(TRY_AGAIN, rate.problem[0])
        await socket.send_text(await _answer(state, message["text"]))
    return None


async def _answer(state: State, text: str) -> str:
    strokes = None
    try:
        strokes = parse(LiveStrokes, text)
        drawing = ink.Drawing(strokes.strokes, strokes.pen)
        answer = await _read(state, drawing, None, "auto", strokes.explain, image=strokes.image)
        return json.dumps({"id": strokes.id, **answer.model_dump(exclude_unset=True)})
    except InklingError as error:
        return json.dumps({"id": strokes.id if strokes else None, **Problem.of(error).model_dump()})
