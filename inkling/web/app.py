"""The application: its routes, its errors, and the server that runs it.

    GET  /           the page to draw on              GET /docs   the API, to try
    POST /api/read   a picture or strokes -> reading  GET /livez  the process runs
    GET  /api/card   the card of the served bundle    GET /readyz it can read
    /drawings, /api/drawings   labelled drawings: stored, listed, relabelled, deleted
    /training, /api/runs       trainings: started and watched; and fine-tuning, /api/teach
    /models, /api/models       the bundles here, how good they are, which is served
    WS   /live       strokes as they grow -> a reading, one answer a message

Every error is {"error", "hint"}. Pattern: starlette's lifespan state; each test builds an app.
"""

import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from inkling import __version__
from inkling.drawings import Store
from inkling.errors import InklingError, NoSuchDrawing, ServeError, StoreError, TooLarge
from inkling.reading.registry import Served
from inkling.web import drawings, models, reading, training
from inkling.web.guard import PAGES, Guard
from inkling.web.schemas import Problem
from inkling.web.state import State

STATIC = Path(__file__).parent / "static"
MAX_LIVE_BYTES = 256_000
MAX_SHOWN = 100  # characters of a wrong value, in its error
SECONDS_TO_FINISH = 3  # of requests under way, when the server stops
STATUS = {TooLarge: 413, NoSuchDrawing: 404, StoreError: 503}  # of other errors: 422
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def create_app(
    served: Served, store: Store, url: str, hosts: Sequence[str] | None = None
) -> FastAPI:
    """The application that reads with what is `served` and stores drawings in `store`, at `url`.

    It answers requests for the names in `hosts`, or for any.
    """
    state = State(served, store, url)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        state.start()
        yield
        state.jobs.close()

    app = FastAPIOffline(
        title="Inkling",
        version=__version__,
        description="Reads handwritten digits.",
        lifespan=lifespan,
    )
    app.state.inkling = state
    app.add_middleware(Guard, hosts=hosts)
    app.exception_handler(InklingError)(_answer_known)
    app.exception_handler(RequestValidationError)(_answer_invalid)
    app.exception_handler(HTTPException)(_answer_http)
    app.exception_handler(ClientDisconnect)(_answer_nobody)
    app.exception_handler(Exception)(_answer_broken)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for path, name in PAGES.items():
        app.add_api_route(path, _page(name), include_in_schema=False)
    app.add_api_route("/livez", livez, summary="Whether the process runs")
    for resource in (reading, drawings, models, training):
        app.include_router(resource.router)
    return app


def serve(
    served: Served, store: Store, url: str, host: str, port: int, announce: Callable[[str], None]
) -> None:
    """Serve until stopped by a signal. `announce` gets the address once it accepts.

    Raises ServeError if the address cannot be had.
    """
    listener = _listen(host, port)
    here = ipaddress.ip_address(listener.getsockname()[0]).is_loopback
    hosts = (*LOOPBACK, host.lower()) if here else None  # reject other names (DNS rebinding)
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
    except KeyboardInterrupt:  # uvicorn has stopped cleanly, and raises the signal again
        pass
    finally:
        listener.close()


async def livez() -> dict[str, str]:
    """Says so."""
    return {"status": "alive"}


def _page(name: str) -> Callable[[], FileResponse]:
    def page() -> FileResponse:
        return FileResponse(STATIC / name)

    return page


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


async def _answer_known(_: Request, error: InklingError) -> JSONResponse:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
    return _problem(status, error.error, error.hint)


async def _answer_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where, got = first["loc"][1 if len(first["loc"]) > 1 else 0], first["input"]
    return _problem(422, f"{where}: {first['msg']}, got {got!s:.{MAX_SHOWN}}", "See /docs")


async def _answer_http(request: Request, error: HTTPException) -> JSONResponse:
    if isinstance(error.__cause__, InklingError):  # FastAPI answers 400 to what a body raises
        return await _answer_known(request, error.__cause__)
    answer = _problem(error.status_code, str(error.detail), "See /docs for what is served")
    answer.headers.update(error.headers or {})
    return answer


async def _answer_nobody(_: Request, _error: ClientDisconnect) -> JSONResponse:
    return JSONResponse({}, 400)  # the client has gone


async def _answer_broken(_: Request, _error: Exception) -> JSONResponse:
    return _problem(500, "Something broke in the server", "Its log says what; try again")


def _problem(status: int, error: str, hint: str) -> JSONResponse:
    sendable = error.encode(errors="replace").decode()  # JSON may hold half a character
    return JSONResponse(Problem(error=sendable, hint=hint).model_dump(), status)
