"""HTTP as uvicorn speaks it, with an end to slow senders, and no request lost at the end."""

import asyncio
import errno
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from socket import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inkling.web.logs import SECONDS_A_LINE
from inkling.web.settings import Settings

SECONDS_TO_SEND = 30  # of a whole request, from its connection or the answer before
SECONDS_TO_LEAVE = 0.5  # for clients that keep a connection, once the server stops
SECONDS_TO_FINISH = 5  # of requests under way, after that
SECONDS_TO_KEEP = 75  # a connection without a request; proxies keep theirs for 60
MAX_HEAD_BYTES = 64_000  # of a request's headers
MAX_LIVE_BYTES = 256_000  # of a message
SPARE_FILES = 48  # of the process, that connections leave for the rest
UNLIMITED = 100_000  # connections, where the system names no limit
NO_FILE_LEFT = (errno.EMFILE, errno.ENFILE)  # of the process, of the machine
SECONDS_OF_A_RUSH = 1  # of connections that one line tells

_log = logging.getLogger("inkling.connections")

Tick = Callable[[], Awaitable[None]]

TOO_SLOW = (
    f'{{"error": "Expected a whole request within {SECONDS_TO_SEND} seconds", '
    '"hint": "Send it faster"}'
)
REQUEST_TIMEOUT = (
    "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n"
    f"content-length: {len(TOO_SLOW)}\r\n\r\n{TOO_SLOW}"
).encode()


class Shortage:
    """Says that files are lacking for connections: a line a minute, however many come."""

    def __init__(self) -> None:
        self._turned_away = 0
        self._told = float("-inf")  # by the loop's clock
        self._telling: asyncio.TimerHandle | None = None

    def note(self, turned_away: int = 0) -> None:
        """Connections were turned away; or some wait until files come free."""
        self._turned_away += turned_away
        if self._telling is None:
            loop = asyncio.get_running_loop()
            at = max(loop.time() + SECONDS_OF_A_RUSH, self._told + SECONDS_A_LINE)
            self._telling = loop.call_at(at, self._tell, loop)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        _log.warning(
            "Out of file descriptors: %d connections were turned away, others may wait. The "
            "process holds at most %d: raise its limit of open files (ulimit -n)",
            self._turned_away,
            max_connections(),
        )
        self._turned_away, self._told, self._telling = 0, loop.time(), None


class Protocol(HttpToolsProtocol):
    """A connection. One whose request does not come whole in time is closed."""

    closing = False  # of all connections: the server stops
    shortage = Shortage()  # likewise

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio. Beyond what the process can open, a connection is closed at once."""
        super().connection_made(transport)
        self._deadline: asyncio.TimerHandle | None = None
        if len(self.connections) > max_connections():
            transport.abort()
            self.shortage.note(turned_away=1)
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        self._head = 0
        if self._deadline is None:
            self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Raises ValueError, which ends in status 400, if the head is too long."""
        self._head += len(name) + len(value)
        if self._head > MAX_HEAD_BYTES:
            raise ValueError("too many bytes")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """See httptools."""
        super().on_headers_complete()
        if self.closing and self.cycle:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """See httptools."""
        self._stop_waiting()
        super().on_message_complete()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(SECONDS_TO_SEND, self._end)

    def _stop_waiting(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = None

    def _end(self) -> None:
        if self.cycle is None or not self.cycle.response_started:
            self.transport.write(REQUEST_TIMEOUT)
        self.transport.close()


class Server(uvicorn.Server):
    """Stops without losing a request.

    Connections that wait to be accepted still are; new ones are turned away at once. For a moment,
    clients that keep one are told with their next answer that it closes; then the idle ones are
    closed.
    """

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """See uvicorn."""
        asyncio.get_running_loop().set_exception_handler(_on_error)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """See uvicorn."""
        Protocol.closing = True
        waiting: list[socket] = []
        with suppress(OSError):  # no file is left for another
            waiting += [each.dup() for each in sockets or ()]  # or the system would reset them
        for server in self.servers:
            server.close()
        for each in sockets or ():
            each.close()
        for each in waiting:
            await self._take_last(each)
        if not self.force_exit and self.server_state.connections:
            await asyncio.sleep(SECONDS_TO_LEAVE)
        await super().shutdown(sockets)

    async def _take_last(self, listener: socket) -> None:
        """Accept the connections that wait, and close the socket."""
        last = []
        listener.setblocking(False)
        with listener, suppress(OSError):  # none is left
            while True:
                last.append(listener.accept()[0])
        loop = asyncio.get_running_loop()
        for each in last:
            each.setblocking(False)
            await loop.connect_accepted_socket(
                lambda: Protocol(self.config, self.server_state, self.lifespan.state, loop), each
            )


def _on_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a loop says of an error that nobody caught, but that accepting needs a file.

    asyncio tries again a second later. That of Python 3.11 tries once for each connection that may
    wait, says so each time, and once more for each where the socket is closed by then.
    """
    cause, message = context.get("exception"), context["message"]
    if isinstance(cause, OSError) and cause.errno in NO_FILE_LEFT and "accept()" in message:
        Protocol.shortage.note()
    elif not (Protocol.closing and "_start_serving" in message):
        loop.default_exception_handler(context)


@cache
def max_connections() -> int:
    """The connections that this process can hold open; it opens as many files as it may."""
    if sys.platform == "win32":
        return UNLIMITED
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if soft == resource.RLIM_INFINITY else max(8, soft - SPARE_FILES)


def run(app: ASGIApp, settings: Settings, listener: socket, on_tick: Tick | None = None) -> None:
    """Serve an application at a socket until a signal stops it.

    `on_tick` is awaited when it accepts, and then once a second.
    """
    config = uvicorn.Config(
        app,
        http=Protocol,
        loop="asyncio",  # under 640 connections, uvloop let new ones wait for 3 s
        ws="websockets-sansio",
        ws_max_size=MAX_LIVE_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=settings.proxy,
        timeout_keep_alive=SECONDS_TO_KEEP,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
        callback_notify=on_tick,
        timeout_notify=1,
    )
    Server(config).run([listener])
