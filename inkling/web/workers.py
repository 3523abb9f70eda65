"""The server: one process, or several at one address.

Workers are forked from a process that has imported all they need, so that one that dies is
replaced at once. The first one that accepts says that the server is ready. A worker whose event
loop stands still is killed, and one whose parent is gone ends.
"""

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import FrameType

from inkling.errors import InklingError, ServeError
from inkling.web.logs import set_up_logs
from inkling.web.settings import COUNTED, Settings

BACKLOG = 2048  # connections that wait to be accepted
PRELOADED = ["inkling.web.app", "inkling.cli"]
SECONDS_TO_LOOK = 0.5
SECONDS_TO_HANG = 60  # without a sign from a worker, which gives one a second
SECONDS_TO_END = 12  # of workers that were told to stop
SECONDS_TO_START_AGAIN = 1.0  # of a worker that died as soon as it began

_log = logging.getLogger("inkling.workers")


def serve(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until stopped by a signal. `announce` gets the address once it accepts.

    Raises ServeError if the address cannot be had or nobody said who may ask, and what opening
    the bundle and the store raises.
    """
    settings.check()
    listener = listen(settings.host, settings.port)
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{name}:{listener.getsockname()[1]}"
    try:
        if settings.workers == 1:
            _run(settings, listener, lambda: announce(address))
        else:
            set_up_logs(settings.log_format)
            listener = _for_several(listener)
            with _counted_together():
                Workers(settings, listener).run(lambda: announce(address))
    except KeyboardInterrupt:  # uvicorn has stopped cleanly, and raises the signal again
        pass
    finally:
        listener.close()


@dataclass
class Worker:
    """A process that serves."""

    process: BaseProcess
    signs: Connection  # True once a second; or the error that it could not begin for
    started: float
    seen: float  # when it last gave a sign


class Workers:
    """The workers of a server, and their parent's part."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._context = _context()
        self._workers: list[Worker] = []
        self._stopping = False

    def run(self, announce: Callable[[], None]) -> None:
        """Serve until a signal; `announce` is called once a worker accepts.

        Raises what the first worker cannot begin for.
        """
        before = {n: signal.signal(n, self._stop) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            first = self._start()
            while not self._stopping and not self._listen_to(first):
                if not first.process.is_alive() and not first.signs.poll():
                    raise ServeError("Expected a worker to start, but it ended", "See its log")
            if not self._stopping:
                announce()
            while not self._stopping:
                while len(self._workers) < self._settings.workers:
                    self._start()
                self._look_after()
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self) -> Worker:
        signs, theirs = self._context.Pipe(duplex=False)
        arguments = (self._settings, self._listener, theirs)
        process = self._context.Process(target=work, args=arguments)
        process.start()
        theirs.close()
        worker = Worker(process, signs, time.monotonic(), time.monotonic())
        self._workers.append(worker)
        return worker

    def _look_after(self) -> None:
        """Wait for signs, and take away who died or gives none."""
        wait([w.signs for w in self._workers], SECONDS_TO_LOOK)
        for worker in list(self._workers):
            with suppress(EOFError, InklingError):
                self._listen_to(worker)
            if time.monotonic() - worker.seen > SECONDS_TO_HANG:
                worker.process.kill()
                worker.process.join()
            if worker.process.exitcode is not None and not self._stopping:
                _log.error("A worker ended (%s), another begins", worker.process.exitcode)
                self._workers.remove(worker)
                worker.signs.close()
                if time.monotonic() - worker.started < SECONDS_TO_START_AGAIN:
                    time.sleep(SECONDS_TO_START_AGAIN)

    def _listen_to(self, worker: Worker) -> bool:
        """Whether a worker has given a sign. Raises the error that it sent instead."""
        if not worker.signs.poll(SECONDS_TO_LOOK if worker is self._workers[0] else 0):
            return False
        said = worker.signs.recv()
        if isinstance(said, InklingError):
            raise said
        worker.seen = time.monotonic()
        return True

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        self._listener.close()  # or clients would connect to a socket that nobody accepts at
        for worker in self._workers:
            if worker.process.is_alive():
                worker.process.terminate()
        deadline = time.monotonic() + SECONDS_TO_END
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.exitcode is None:
                worker.process.kill()
                worker.process.join()


def work(settings: Settings, listener: socket.socket, signs: Connection) -> None:
    """Serve, in a process of its own, until a signal or until the parent is gone."""

    def show_life() -> None:
        try:
            signs.send(True)
        except OSError:
            signal.raise_signal(signal.SIGTERM)

    try:
        _run(settings, _own(listener), show_life, once=False)
    except InklingError as error:
        signs.send(error)
    except KeyboardInterrupt:
        pass


def _run(
    settings: Settings, listener: socket.socket, accepts: Callable[[], None], once: bool = True
) -> None:
    from inkling.web import app, protocol

    left = [accepts]

    async def tick() -> None:
        if left:
            left[0]()
            if once:
                left.clear()

    set_up_logs(settings.log_format)
    protocol.run(app.opened(settings), settings, listener, tick)


@contextmanager
def _counted_together() -> Iterator[None]:
    """A folder in which the processes begun within count together."""
    folder = tempfile.mkdtemp(prefix="inkling-metrics-")
    os.environ[COUNTED] = folder
    try:
        yield
    finally:
        del os.environ[COUNTED]
        shutil.rmtree(folder, ignore_errors=True)


def _context() -> ForkServerContext | SpawnContext:
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ServeError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return _bound(family, (host, port))
    except (OSError, UnicodeError, OverflowError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise ServeError(
            f"Expected to listen at {host} port {port}, but {why}",
            "Name another with --port (0 takes a free one) or --host",
        ) from cause


def _for_several(listener: socket.socket) -> socket.socket:
    """What workers share: on Linux, the address; elsewhere, the socket.

    Workers that accept from one socket do not get as many connections each. Linux shares them out
    between sockets of one address. The one that is given back keeps the address, and takes none.
    """
    if not sys.platform.startswith("linux"):
        return listener
    family, address = listener.family, listener.getsockname()
    listener.close()  # another server at this address would have been noticed
    return _bound(family, address, listens=False, shares=True)


def _own(listener: socket.socket) -> socket.socket:
    """The socket of a worker; see _for_several."""
    if not sys.platform.startswith("linux"):
        return listener
    with listener:
        return _bound(listener.family, listener.getsockname(), shares=True)


def _bound(
    family: int, address: tuple[object, ...], listens: bool = True, shares: bool = False
) -> socket.socket:
    # asyncio lets small answers go at once (TCP_NODELAY) only where the protocol is named
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shares:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
        if listens:
            bound.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound
