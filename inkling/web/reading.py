"""Reading over HTTP and the live socket: in threads, no more at a time than there are cores."""

import contextlib
from collections.abc import Callable
from typing import Any, Literal

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

from inkling import ink
from inkling.errors import InkError
from inkling.reading.reader import Number, Reader, Reading
from inkling.reading.registry import Served
from inkling.web.schemas import (
    READ_BODY,
    Answer,
    Explain,
    LiveStrokes,
    MinAccuracy,
    NumberAnswer,
    Problem,
    SeveralDigits,
    parse,
    problem,
    source_of,
)
from inkling.web.threads import run

HOWS: dict[bool | str, Callable[..., Reading | Number]] = {
    False: Reader.read,
    True: Reader.read_number,
    "auto": Reader.read_any,
}
WRONG_KIND = 1003  # close code of RFC 6455, section 7.4.1


def add_reading(app: FastAPI, served: Served) -> None:
    """What is read, in threads of its own, no more at a time than there are cores."""

    async def read(
        source: ink.Source,
        min_accuracy: float | None = None,
        number: bool | Literal["auto"] = False,
        explain: bool = False,
    ) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            reader = served.reader
            reading = HOWS[number](reader, source, min_accuracy)
            content = reading.to_json() | {"model": reader.card.model_sha256[:12]}
            if explain and isinstance(reading, Reading):
                content["explanation"] = reading.explain().round(2).tolist()
            return content

        return await run(app, work)

    @app.get("/readyz", summary="Whether it can read")
    async def readyz() -> dict[str, str]:
        await read(ink.Drawing([[(0, 0), (0, 9)]]))
        return {"status": "ready", "model_sha256": served.reader.card.model_sha256}

    @app.post(
        "/api/read",
        response_model=Answer | NumberAnswer,
        response_model_exclude_unset=True,
        responses={413: {"model": Problem}, 422: {"model": Problem}},
        openapi_extra={"requestBody": READ_BODY},
        summary="Read a digit, or a number",
    )
    async def read_one(
        request: Request,
        min_accuracy: MinAccuracy = None,
        number: SeveralDigits = False,
        explain: Explain = False,
    ) -> dict[str, Any]:
        """Takes a picture (PNG, JPEG, WebP, BMP, GIF) as the body or a form's file, or strokes."""
        return await read(await source_of(request), min_accuracy, number, explain)

    async def answer(text: str) -> dict[str, Any]:
        strokes = None
        try:
            strokes = parse(LiveStrokes, text)
            drawing = ink.Drawing(strokes.strokes, strokes.pen)
            return {"id": strokes.id} | await read(drawing, None, "auto", strokes.explain)
        except InkError as error:
            return {"id": strokes.id if strokes else None, **problem(error)}

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):  # whoever left needs no answer
            while (message := await socket.receive())["type"] == "websocket.receive":
                if message.get("text") is None:
                    return await socket.close(WRONG_KIND, "Expected text, got bytes")
                await socket.send_json(await answer(message["text"]))
        return None
