"""The application: its routes, and its errors.

    GET  /           the page to draw on              GET /docs   the API, to try
    POST /api/read   a picture or strokes -> reading  GET /livez  the process runs
    GET  /api/card   the card of the served bundle    GET /readyz it can read
    POST /api/read/batch   many of them -> a line of JSON each
    /v2              the same as tensors: the open inference protocol
    /drawings, /api/drawings   labelled drawings: stored, listed, relabelled, deleted
    /training, /api/runs       trainings: started and watched; and fine-tuning, /api/teach
    /learn, /api/learn         a network that is trained in the page itself
    /models, /api/models       the bundles here, how good they are, which is served
    WS   /live       strokes as they grow -> a reading, one answer a message

Every error is {"error", "hint"}. Pattern: starlette's lifespan state; each test builds an app.
"""

import asyncio
import contextlib
import errno
import sqlite3
import string
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect

from inkling import __version__, system
from inkling.drawings import ENVIRONMENT, Store, default_url
from inkling.errors import InklingError, StoreError
from inkling.exports import site
from inkling.reading.registry import Registry, Served
from inkling.web import (
    batch,
    drawings,
    inference,
    learn,
    models,
    monitoring,
    reading,
    tracing,
    training,
)
from inkling.web.guard import PAGES, Guard
from inkling.web.reading import FastRead
from inkling.web.readings import Here, Readings
from inkling.web.schemas import problem, problem_of
from inkling.web.settings import Settings
from inkling.web.state import State

STATIC = Path(__file__).parent / "static"
PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)  # of the same place
MAX_SHOWN = 100  # characters of a wrong value, in its error


def create_app(
    served: Served, store: Store, settings: Settings, readings: Readings | None = None
) -> FastAPI:
    """The application that shows what is `served` and stores drawings in `store`.

    It reads with `readings`: by default, in this process with what is served.
    """
    state = State(served, store, settings, readings or Here(served))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        state.start()
        warming = asyncio.create_task(state.readings.run(_warm))
        yield
        with contextlib.suppress(ImportError, OSError):  # no file was left to import with
            await warming
        state.jobs.close()

    app = FastAPIOffline(
        title="Inkling",
        version=__version__,
        description="Reads handwritten digits.",
        lifespan=lifespan,
    )
    app.state.inkling = state
    app.add_middleware(FastRead, state=state)  # the last one added comes first
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(monitoring.Watch, access_log=settings.access_log)
    if tracing.is_wanted():
        app.add_middleware(tracing.Traced, route=monitoring.route_of)
    app.exception_handler(InklingError)(_answer_known)
    app.exception_handler(RequestValidationError)(_answer_invalid)
    app.exception_handler(HTTPException)(_answer_http)
    app.exception_handler(ClientDisconnect)(_answer_nobody)
    app.exception_handler(Exception)(_answer_broken)
    app.mount("/static", GZipMiddleware(StaticFiles(directory=STATIC)), name="static")
    for path, name in PAGES.items():
        app.add_api_route(path, _page(path, name), include_in_schema=False)
    app.add_api_route("/sw.js", service_worker, include_in_schema=False)
    app.add_api_route("/livez", livez, summary="Whether the process runs")
    app.add_api_route("/metrics", metrics, summary="For Prometheus", response_class=Response)
    for resource in (reading, batch, inference, drawings, models, training, learn):
        app.include_router(resource.router)
    return app


def opened(settings: Settings, readings: Readings | None = None) -> FastAPI:
    """The application of these settings; see create_app. Raises BundleError, StoreError."""
    return create_app(served_by(settings), _store(settings), settings, readings)


def served_by(settings: Settings) -> Served:
    """What reads by these settings. Raises BundleError."""
    return Served(Registry(system.home(), settings.runs), settings.bundle)


def _warm(served: Served) -> None:
    """Load what the first picture would wait for: the line network, and a library."""
    with contextlib.suppress(InklingError, OSError):  # a bundle may not read numbers
        served.reader.read_any(np.pad(np.full((40, 6), 255, np.uint8), 40))


def _store(settings: Settings) -> Store:
    """The store of drawings; where its place is wrong, the error says how to name another.

    Raises StoreError.
    """
    try:
        url = settings.database or default_url()
        return Store(url, max_drawings=settings.max_drawings, max_bytes=settings.max_bytes)
    except StoreError as error:
        cause = getattr(error.__cause__, "orig", error.__cause__)  # of SQLite, or another database
        url_is_wrong = cause is error.__cause__ and not isinstance(cause, OSError)
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # without the extended part
        if url_is_wrong or code in PASSING or getattr(cause, "errno", None) == errno.ENOSPC:
            raise
        raise StoreError(
            error.error,
            f"Name another with --drawings URL or {ENVIRONMENT}, or a folder for it with "
            f"{system.HOME}",
        ) from error


async def livez() -> dict[str, str]:
    """Says so."""
    return {"status": "alive"}


async def metrics() -> Response:
    """Of all workers together."""
    content, kind = monitoring.page()
    return Response(content, media_type=kind)


async def service_worker() -> Response:
    """The program that keeps the pages in the browser, for when the server is gone.

    It lies above /static, so that all pages are in its reach. Each version of the files has its
    own name, so that a browser takes them whole or not at all.
    """
    content = _service_worker()
    return Response(content, 200, {"Cache-Control": "no-cache"}, "text/javascript")


@lru_cache(1)
def _service_worker() -> str:
    pages = [path.removeprefix("/") or "./" for path in PAGES]
    return site.service_worker(STATIC, pages, "static/")


def _page(path: str, name: str) -> Callable[[], Awaitable[Response]]:
    """A page: the shell around what its own file has."""
    head, tag, main = (STATIC / name).read_text().partition("<main")
    shell = string.Template((STATIC / "shell.html").read_text())
    address = path.removeprefix("/") or "./"
    content = shell.substitute(head=head, main=tag + main).replace(
        f'<a href="{address}">', f'<a href="{address}" aria-current="page">', 1
    )

    async def page() -> Response:
        return HTMLResponse(content, headers={"Cache-Control": "no-cache"})

    return page


async def _answer_known(_: Request, error: InklingError) -> JSONResponse:
    return problem_of(error)


async def _answer_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where, got = first["loc"][1 if len(first["loc"]) > 1 else 0], first["input"]
    return problem(422, f"{where}: {first['msg']}, got {got!s:.{MAX_SHOWN}}", "See /docs")


async def _answer_http(_: Request, error: HTTPException) -> JSONResponse:
    if isinstance(error.__cause__, InklingError):  # FastAPI answers 400 to what a body raises
        return problem_of(error.__cause__)
    answer = problem(error.status_code, str(error.detail), "See /docs for what is served")
    answer.headers.update(error.headers or {})
    return answer


async def _answer_nobody(_: Request, _error: ClientDisconnect) -> JSONResponse:
    return JSONResponse({}, 400)  # the client has gone


async def _answer_broken(_: Request, _error: Exception) -> JSONResponse:
    return problem(500, "Something broke in the server", "Its log says what; try again")
