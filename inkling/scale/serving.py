"""The server on Ray Serve: the same routes and pages, and as many readers as are needed.

A page is the application of `web.app`, in which only the reading is done elsewhere: by readers,
each a process with one bundle. Ray adds readers while more requests wait than it should be, and
takes them away again. One that is lost is replaced, and what it was reading is read by another.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from ray import serve
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from inkling import system
from inkling.drawings import default_url
from inkling.errors import InklingError, Overloaded, ServeError
from inkling.reading.answers import Answer
from inkling.scale.cluster import ADDRESS, connected, processors
from inkling.web import Settings, monitoring
from inkling.web.app import opened, served_by
from inkling.web.protocol import SECONDS_TO_KEEP
from inkling.web.readings import MAX_WAITING, Digit, Here
from inkling.web.workers import listen

NAME = "inkling"  # of the application
MAX_AT_ONCE = 256  # requests of a reader, which has its own queue; more wait at the page
MAX_OPEN = 1_000  # requests and live sockets of a page
MAX_PAGES = 20
TARGET, TARGET_OPEN = 4, 200  # of these, above which Ray adds a reader, a page
SECONDS_TO_ADD, SECONDS_TO_REMOVE = 3, 60  # of that, until it does; and of less
SECONDS_TO_LOOK = 0.2  # for a signal
TRIES = 3  # of what a lost reader was reading
SECRETS = {"token": "INKLING_TOKEN", "read_token": "INKLING_READ_TOKEN"}  # in the environment
QUIET = {"log_level": "WARNING", "enable_access_log": False}
Done = TypeVar("Done")


class Readers:
    """What reads, with the bundle that is served: it changes between two readings."""

    def __init__(self, settings: Settings) -> None:
        self._here = Here(served_by(settings))
        self._here.start()

    async def digit(self, source: Digit) -> Answer:
        """See web.readings.Readings."""
        return await self._here.digit(source)

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """See web.readings.Readings."""
        return await self._here.run(work, *arguments)


class Page:
    """The routes."""

    def __init__(self, settings: Settings, readers: DeploymentHandle[Any]) -> None:
        self._settings, self._readers = settings, readers

    def __serve_build_asgi_app__(self) -> Any:
        """What Ray asks for where a replica begins."""
        return opened(self._settings, There(self._readers))


class There:
    """Readings of the readers; see web.readings.Readings."""

    def __init__(self, readers: DeploymentHandle[Any]) -> None:
        self._readers = readers

    def start(self) -> None:
        """Nothing: they are there."""

    async def digit(self, source: Digit) -> Answer:
        """See web.readings.Readings."""
        answer: Answer = await self._ask("digit", source)
        return answer

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """See web.readings.Readings."""
        found: Done = await self._ask("run", work, *arguments)
        return found

    async def _ask(self, method: str, *arguments: object) -> Any:
        """What a reader gives; another one, where it is lost meanwhile: reading changes nothing."""
        for tried in range(TRIES):
            try:
                return await getattr(self._readers, method).remote(*arguments)
            except BackPressureError as cause:
                monitoring.REJECTED.inc()
                raise Overloaded(
                    f"Expected at most {MAX_WAITING} requests to wait for the readers, got more",
                    "Try again in a second",
                ) from cause
            except RayTaskError as error:  # what the reader raised
                raise (error.cause if isinstance(error.cause, InklingError) else error) from None
            except (ActorDiedError, ActorUnavailableError):
                if tried == TRIES - 1:
                    raise
        return None


def application(values: dict[str, str]) -> serve.Application:
    """What `serve deploy` is to run; its arguments are the settings of `inkling serve`.

    Tokens come from the environment. Raises ServeError.
    """
    secret = {key: os.environ[name] for key, name in SECRETS.items() if name in os.environ}
    try:
        settings = TypeAdapter(Settings).validate_python(values | secret)
    except ValidationError as cause:
        first = cause.errors()[0]
        raise ServeError(
            f"Expected settings, but {first['loc'][0]}: {first['msg']}", "See inkling serve --help"
        ) from cause
    return bound(settings)


def bound(settings: Settings, readers: int | None = None) -> serve.Application:
    """The application of these settings, with so many readers at most: by default, one a processor.

    Raises ServeError.
    """
    settings.check()
    settings = replace(settings, trains=False)  # a page may be on any machine, and go
    reading = serve.deployment(
        name="Readers",
        max_ongoing_requests=MAX_AT_ONCE,
        max_queued_requests=MAX_WAITING,  # of each page
        autoscaling_config={
            "min_replicas": 1,
            "max_replicas": readers or processors(),
            "target_ongoing_requests": TARGET,
            "upscale_delay_s": SECONDS_TO_ADD,
            "downscale_delay_s": SECONDS_TO_REMOVE,
        },
        ray_actor_options={"num_cpus": 1},
    )(Readers)
    pages = serve.deployment(
        name="Page",
        max_ongoing_requests=MAX_OPEN,
        autoscaling_config={
            "min_replicas": 1,
            "max_replicas": MAX_PAGES,
            "target_ongoing_requests": TARGET_OPEN,
        },
        ray_actor_options={"num_cpus": 0.5},
    )(serve.ingress()(Page))
    found: serve.Application = pages.bind(settings, reading.bind(settings))
    return found


def run(settings: Settings, readers: int | None, announce: Callable[[str], None]) -> None:
    """Serve until a signal. `announce` gets the address once it accepts. Raises ServeError."""
    settings.check()
    if os.environ.get(ADDRESS) and not (settings.database or default_url()).startswith("postgres"):
        raise ServeError(
            "Expected drawings in PostgreSQL for a server of several machines, got a file",
            "Name it with --drawings postgresql://...",
        )
    cores = (readers or system.cores()) + 1  # the page takes one
    with system.stopped_by_signal() as caught, connected(cores):
        announce(deploy(settings, readers))
        while not caught:
            time.sleep(SECONDS_TO_LOOK)
        serve.delete(NAME)


def deploy(settings: Settings, readers: int | None) -> str:
    """Serve on the cluster in use, and go on when this returns; the address. Raises ServeError."""
    application = bound(settings, readers)
    port = settings.port
    if ADDRESS not in os.environ:  # else the proxies are on other machines, or serve there already
        with listen(settings.host, port) as found:
            port = found.getsockname()[1]
    options = {"host": settings.host, "port": port, "keep_alive_timeout_s": SECONDS_TO_KEEP}
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(proxy_location="EveryNode", http_options=options, logging_config=QUIET)
    serve.run(application, name=NAME, logging_config=QUIET)
    return f"http://{settings.host}:{port}"
