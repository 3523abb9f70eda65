"""The page, the API and the live socket. The only package that knows the web framework.

    GET  /           the page to draw on              GET /docs   the API, to try
    POST /api/read   a picture or strokes -> reading  GET /livez  the process runs
    GET  /api/card   the card of the served bundle    GET /readyz it can read
    POST /api/drawings   keep a drawing with its label; GET, PATCH, DELETE: what is kept
    GET  /drawings       the gallery of what is kept; there, a network is taught: /api/teach
    GET  /training       trainings, started and watched: /api/runs
    GET  /models         the bundles here, how good they are, which is served: /api/models
    WS   /live       strokes as they grow -> reading, or a line of them, one answer a message

Every error is {"error", "hint"}. Pattern: starlette's lifespan state; each test builds an app.
"""

import contextlib
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import anyio
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from inkling import __version__
from inkling.reading import bundle
from inkling.drawings.store import Store
from inkling.errors import InklingError, NoSuchDrawing, ServeError, StoreError, TooLarge
from inkling.reading.registry import Served
from inkling.web.guard import Guard
from inkling.web.jobs import Jobs
from inkling.web.drawings import add_drawings
from inkling.web.schemas import problem
from inkling.web.reading import add_reading
from inkling.web.models import add_models
from inkling.web.training import add_training

STATIC = Path(__file__).parent / "static"
MAX_LIVE_BYTES = 256_000
SECONDS_TO_FINISH = 3  # what is under way at a stop may take so long
STATUS = {TooLarge: 413, NoSuchDrawing: 404, StoreError: 503}  # of the others: 422
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def create_app(
    served: Served, store: Store, url: str, hosts: Sequence[str] | None = None
) -> FastAPI:
    """The application that reads with what is `served` and keeps drawings in `store`, at `url`.

    It answers under the names in `hosts`, or under any.
    """
    jobs = Jobs()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.readers = anyio.CapacityLimiter(os.cpu_count() or 1)
        yield
        jobs.close()

    app = FastAPIOffline(
        title="Inkling",
        version=__version__,
        description="Reads handwritten digits.",
        lifespan=lifespan,
    )
    app.add_middleware(Guard, hosts=hosts)
    app.add_exception_handler(InklingError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_error)
    app.add_exception_handler(ClientDisconnect, _answer_error)
    app.add_exception_handler(Exception, _answer_error)
    _add_pages(app, served)
    add_reading(app, served)
    add_drawings(app, served, store)
    add_models(app, served)
    add_training(app, served, url, jobs)
    return app


def serve(
    served: Served, store: Store, url: str, host: str, port: int, announce: Callable[[str], None]
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
        create_app(served, store, url, hosts),
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


def _add_pages(app: FastAPI, served: Served) -> None:
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

    @app.get("/training", include_in_schema=False)
    async def training() -> FileResponse:
        return page("training.html")

    @app.get("/models", include_in_schema=False)
    async def models() -> FileResponse:
        return page("models.html")

    @app.get("/api/card", response_model=bundle.Card, summary="The card of the served bundle")
    async def card() -> bundle.Card:
        return served.reader.card

    @app.get("/livez", summary="Whether the process runs")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}


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


async def _answer_error(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, InklingError):
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
        return JSONResponse(problem(error), status)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where, got = first["loc"][1 if len(first["loc"]) > 1 else 0], first["input"]
        content = {"error": f"{where}: {first['msg']}, got {got}", "hint": "See /docs"}
        return JSONResponse(content, 422)
    if isinstance(error, ClientDisconnect):  # nobody is there to read it
        return JSONResponse({}, 400)
    if isinstance(error, HTTPException):
        content = {"error": str(error.detail), "hint": "See /docs for what is served"}
        return JSONResponse(content, error.status_code, headers=error.headers)
    content = {"error": "Something broke in the server", "hint": "Its log says what; try again"}
    return JSONResponse(content, 500)
