"""The page, the API and the live socket. The only file that knows the web framework.

    GET  /           the page to draw on              GET /docs   the API, to try
    POST /api/read   a picture or strokes -> reading  GET /livez  the process runs
    GET  /api/card   the card of the served bundle    GET /readyz it can read
    POST /api/drawings   keep a drawing with its label; GET, PATCH, DELETE: what is kept
    GET  /drawings       the gallery of what is kept
    WS   /live       strokes as they grow -> reading, or a line of them, one answer a message

Every error is {"error", "hint"}. Pattern: starlette's lifespan state; each test builds an app.
"""

import contextlib
import io
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import anyio
import anyio.to_thread
import uvicorn
from fastapi import FastAPI, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkling import __version__, bundle, ink
from inkling.drawings import MOST_AT_ONCE, Filter, Labelled, Order, Store
from inkling.errors import InkError, InklingError, NoSuchDrawing, ServeError, StoreError, TooLarge
from inkling.reader import SET_LEVEL, Number, Reader, Reading

STATIC = Path(__file__).parent / "static"
MAX_BODY_BYTES = 10_000_000
MAX_STROKES_BYTES = 1_000_000  # is parsed at once, while others wait
MAX_LIVE_BYTES = 256_000
SECONDS_TO_FINISH = 3  # what is under way at a stop may take so long
WRONG_KIND, POLICY = 1003, 1008  # close codes of RFC 6455, section 7.4.1
STATUS = {TooLarge: 413, NoSuchDrawing: 404, StoreError: 503}  # of the others: 422
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PAGES = ("/", "/drawings")
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Strokes(BaseModel):
    """A drawing: strokes of [x, y] points, x to the right, y down, and the pen's width."""

    model_config = ConfigDict(allow_inf_nan=False)

    strokes: list[list[tuple[float, float]]] = Field(
        examples=[[[[150, 60], [190, 40], [190, 340]]]]
    )
    pen: float = Field(ink.DEFAULT_PEN, description="Width, in the unit of the points")


class LiveStrokes(Strokes):
    """A message of the live socket; the answer carries the same id."""

    id: int
    explain: bool = False


Shape = TypeVar("Shape", bound=Strokes)
Kept = TypeVar("Kept")
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
    parts: list[PartAnswer] = Field(description="From left to right")


class Problem(BaseModel):
    """An error: what was expected and what came, and the way out."""

    error: str
    hint: str


def create_app(reader: Reader, store: Store, hosts: Sequence[str] | None = None) -> FastAPI:
    """The application that serves `reader` and keeps drawings in `store`.

    It answers under the names in `hosts`, or under any.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.readers = anyio.CapacityLimiter(os.cpu_count() or 1)
        yield

    app = FastAPIOffline(
        title="Inkling",
        version=__version__,
        description="Reads handwritten digits.",
        lifespan=lifespan,
    )
    app.add_middleware(_Guard, hosts=hosts)
    app.add_exception_handler(InklingError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_error)
    app.add_exception_handler(ClientDisconnect, _answer_error)
    app.add_exception_handler(Exception, _answer_error)
    _add_pages(app, reader)
    _add_reading(app, reader)
    _add_drawings(app, reader, store)
    return app


def _add_pages(app: FastAPI, reader: Reader) -> None:
    """What is looked at: the page, the card, health."""
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    def page(name: str) -> FileResponse:
        return FileResponse(STATIC / name)

    @app.get("/", include_in_schema=False)
    async def draw() -> FileResponse:
        return page("index.html")

    @app.get("/drawings", include_in_schema=False)
    async def gallery() -> FileResponse:
        return page("drawings.html")

    @app.get("/api/card", response_model=bundle.Card, summary="The card of the served bundle")
    async def card() -> bundle.Card:
        return reader.card

    @app.get("/livez", summary="Whether the process runs")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}


def _add_reading(app: FastAPI, reader: Reader) -> None:
    """What is read, in threads of its own, no more at a time than there are cores."""

    hows: dict[bool | str, Callable[..., Reading | Number]] = {
        False: reader.read,
        True: reader.read_number,
        "auto": reader.read_any,
    }

    async def read(
        source: ink.Source,
        min_accuracy: float | None = None,
        number: bool | Literal["auto"] = False,
        explain: bool = False,
    ) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            reading = hows[number](source, min_accuracy)
            if explain and isinstance(reading, Reading):
                return reading.to_json() | {"explanation": reading.explain().round(2).tolist()}
            return reading.to_json()

        return await anyio.to_thread.run_sync(work, limiter=app.state.readers)

    @app.get("/readyz", summary="Whether it can read")
    async def readyz() -> dict[str, str]:
        await read(ink.Drawing([[(0, 0), (0, 9)]]))
        return {"status": "ready", "model_sha256": reader.card.model_sha256}

    @app.post(
        "/api/read",
        response_model=Answer | NumberAnswer,
        response_model_exclude_unset=True,
        responses={413: {"model": Problem}, 422: {"model": Problem}},
        openapi_extra={"requestBody": _READ_BODY},
        summary="Read a digit, or a number",
    )
    async def read_one(
        request: Request,
        min_accuracy: MinAccuracy = None,
        number: SeveralDigits = False,
        explain: Explain = False,
    ) -> dict[str, Any]:
        """Takes a picture (PNG, JPEG, WebP, BMP, GIF) as the body or a form's file, or strokes."""
        return await read(await _source(request), min_accuracy, number, explain)

    async def answer(text: str) -> dict[str, Any]:
        strokes = None
        try:
            strokes = _parse(LiveStrokes, text)
            drawing = ink.Drawing(strokes.strokes, strokes.pen)
            return {"id": strokes.id} | await read(drawing, None, "auto", strokes.explain)
        except InkError as error:
            return {"id": strokes.id if strokes else None, **_problem(error)}

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):  # whoever left needs no answer
            while (message := await socket.receive())["type"] == "websocket.receive":
                if message.get("text") is None:
                    return await socket.close(WRONG_KIND, "Expected text, got bytes")
                await socket.send_json(await answer(message["text"]))
        return None


def _add_drawings(app: FastAPI, reader: Reader, store: Store) -> None:
    """What is kept, and only when a person has said what it is."""
    classes = len(reader.card.classes)
    which_label = Annotated[int, Query(ge=0, lt=classes, description="What it really is")]

    async def run(work: Callable[..., Kept], *arguments: Any) -> Kept:
        return await anyio.to_thread.run_sync(work, *arguments, limiter=app.state.readers)

    @app.post("/api/drawings", status_code=201, openapi_extra={"requestBody": _READ_BODY})
    async def keep(
        request: Request,
        label: which_label,
        session: Annotated[str, Query(max_length=64, description="A name made up by chance")] = "",
    ) -> dict[str, Any]:
        """Keep a drawing or picture, sent as to /api/read, with its label. It is on disk then."""
        source = await _source(request)

        def work() -> dict[str, Any]:
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
            )
            return store.add(drawing).to_json()

        return await run(work)

    @app.get("/api/drawings", summary="Some of what is kept, the hardest to read first")
    async def find(
        label: Annotated[int | None, Query(ge=0, lt=classes)] = None,
        wrong: bool = False,
        unsure: bool = False,
        since: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d")] = None,
        order: Order = "hardest",
        count: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 50,
        skip: Annotated[int, Query(ge=0)] = 0,
    ) -> list[dict[str, Any]]:
        found = await run(store.find, Filter(label, wrong, unsure, since), order, count, skip)
        return [drawing.to_json() for drawing in found]

    @app.get("/api/drawings/stats", summary="How many are kept, and read rightly")
    async def stats() -> dict[str, Any]:
        return await run(store.stats)

    @app.get("/api/drawings/{number}/image", response_class=Response, summary="As it is read, PNG")
    async def image(number: int) -> Response:
        def work() -> bytes:
            file, seen = io.BytesIO(), ink.to_image(store.get(number).source, reader.card.frame)
            Image.fromarray((seen[0] * 255).round().astype("uint8")).save(file, "PNG")
            return file.getvalue()

        return Response(await run(work), media_type="image/png")

    @app.patch("/api/drawings/{number}", summary="Say anew what it is")
    async def relabel(number: int, label: which_label) -> dict[str, Any]:
        return (await run(store.relabel, number, label)).to_json()

    @app.delete("/api/drawings/{number}", status_code=204, summary="Forget it")
    async def delete(number: int) -> None:
        await run(store.delete, number)


def serve(
    reader: Reader, store: Store, host: str, port: int, announce: Callable[[str], None]
) -> None:
    """Serve until stopped by a signal. `announce` gets the address once it accepts.

    Raises ServeError if the address cannot be had.
    """
    listener = _listen(host, port)
    here = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
    hosts = (
        (*LOOPBACK, host.lower()) if here else None
    )  # by another name, it is another site's trick
    config = uvicorn.Config(
        create_app(reader, store, hosts),
        log_level="warning",
        ws_max_size=MAX_LIVE_BYTES,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    name = f"[{host}]" if ":" in host else host
    announce(f"http://{name}:{listener.getsockname()[1]}")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:  # uvicorn has stopped in good order, and raises the signal again
        pass
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise ServeError(
            f"Expected to listen at {host} port {port}, but {why}",
            "Name another with --port (0 takes a free one) or --host",
        ) from cause


async def _source(request: Request) -> ink.Drawing | bytes:
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
        strokes = _parse(Strokes, body)
        return ink.Drawing(strokes.strokes, strokes.pen)
    return body


def _parse(shape: type[Shape], text: str | bytes) -> Shape:
    try:
        return shape.model_validate_json(text)
    except ValidationError as cause:
        first = cause.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise InkError(
            f"Expected strokes as JSON, but {where}{first['msg']}",
            'For example: {"strokes": [[[150, 60], [190, 40], [190, 340]]], "pen": 30}',
        ) from cause


def _problem(error: InklingError) -> dict[str, str]:
    return {"error": error.error, "hint": error.hint}


async def _answer_error(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, InklingError):
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
        return JSONResponse(_problem(error), status)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where, got = first["loc"][1 if len(first["loc"]) > 1 else 0], first["input"]
        problem = {"error": f"{where}: {first['msg']}, got {got}", "hint": "See /docs"}
        return JSONResponse(problem, 422)
    if isinstance(error, ClientDisconnect):  # nobody is there to read it
        return JSONResponse({}, 400)
    if isinstance(error, HTTPException):
        problem = {"error": str(error.detail), "hint": "See /docs for what is served"}
        return JSONResponse(problem, error.status_code, headers=error.headers)
    problem = {"error": "Something broke in the server", "hint": "Its log says what; try again"}
    return JSONResponse(problem, 500)


class _Guard:
    """Refuses what comes from another site's page, and bodies over the limit as they stream.

    A browser names the page's site in Origin; other clients send none. A site may let its own
    name lead to this machine (DNS rebinding), so the name asked for must be one of `hosts`.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        host = headers.get("host", "")
        if origin is not None and origin.partition("://")[2] != host:
            return await self._refuse(scope, receive, send, origin)
        if self._hosts is not None and _name(host) not in self._hosts:
            return await self._refuse(scope, receive, send, host)

        declared = int(headers.get("content-length", 0))
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            if declared <= MAX_BODY_BYTES:
                message = await receive()
                taken += len(message.get("body", b""))
                if taken <= MAX_BODY_BYTES:
                    return message
            raise TooLarge(
                f"Expected a body of at most {MAX_BODY_BYTES:,} bytes, got more",
                "Scale the picture down",
            )

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
                if scope["path"] in PAGES or scope["path"].startswith("/static/"):
                    policy = (b"content-security-policy", PAGE_POLICY.encode())
                    message["headers"] = [*message["headers"], policy]
            await send(message)

        return await self._app(scope, limited, hardened)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, origin: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": POLICY})
        problem = {
            "error": f"Expected a request from this server's own page, got one by way of {origin}",
            "hint": "Call the API from a program, or open the page of this server",
        }
        return await JSONResponse(problem, 403)(scope, receive, send)


def _name(host: str) -> str:
    """The name in a Host header, without its port: "localhost:8000", "[::1]:8000"."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).strip("[]").lower()


_READ_BODY = {
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
