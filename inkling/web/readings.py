"""Digits that wait for the network, and other work that would hold up the event loop.

A worker has one event loop, which reads digits itself: a thread would cost more than it gives. An
idle one reads a digit at once. What comes while it reads is read together after it, and between
two such batches the loop answers whatever else there is.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from inkling import ink, system
from inkling.errors import InklingError, Overloaded
from inkling.reading.answers import Answer
from inkling.reading.bundle import Card
from inkling.reading.reader import Reading
from inkling.reading.registry import Served
from inkling.web import monitoring

MAX_TOGETHER = 8  # digits in a batch: the loop does nothing else for some milliseconds
TURNS = 4  # of the loop between two batches; a turn with nothing to do takes some microseconds
MAX_WAITING = 512  # digits, and pieces of other work
MAX_POINTS = 1_000  # of a drawing that the event loop renders

Image = NDArray[np.float32]
Digit = ink.Drawing | Image
Waiting = tuple[Digit, asyncio.Future[tuple[Reading, Card]]]
Done = TypeVar("Done")


class Readings(Protocol):
    """What reads for the routes: their own process, or others."""

    def start(self) -> None:
        """Get ready, within the event loop."""
        ...

    async def digit(self, source: Digit) -> Answer:
        """The answer to a drawing, or to an image `(1, 28, 28)`. Raises Overloaded, InkError."""
        ...

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """What `work(served, *arguments)` gives, a function of a module. Raises Overloaded."""
        ...


class Here:
    """Readings of this process; see Readings. One worker alone may use all cores."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._digits = Digits(served)

    def start(self) -> None:
        """See Readings."""
        self._threads = Threads(system.cores())

    async def digit(self, source: Digit) -> Answer:
        """See Readings."""
        return Answer.of(*await self._digits.read(source))

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """See Readings."""
        return await self._threads.run(work, self._served, *arguments)


class Digits:
    """A queue of digits to read, first come first served."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._waiting: deque[Waiting] = deque()

    async def read(self, source: Digit) -> tuple[Reading, Card]:
        """The reading of a drawing, or of an image `(1, 28, 28)`, and the card of who read it.

        Raises Overloaded if too many wait, and what `Reader.read` does.
        """
        refuse_beyond(MAX_WAITING, len(self._waiting))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[Reading, Card]] = loop.create_future()
        self._waiting.append((source, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._read_some)
        return await future

    def _read_some(self) -> None:
        number = min(len(self._waiting), MAX_TOGETHER)
        some = [self._waiting[at] for at in range(number)]
        try:
            self._read_together(some)
        except Exception as error:  # whatever it is, those who wait learn of it
            for _, future in some:
                if not future.done():
                    future.set_exception(error)
        for _ in some:
            self._waiting.popleft()
        self._go_on(TURNS)

    def _go_on(self, turns: int) -> None:
        """Read the next ones, after some turns of the loop: a new connection takes several."""
        if self._waiting:
            following = partial(self._go_on, turns - 1) if turns else self._read_some
            asyncio.get_running_loop().call_soon(following)

    def _read_together(self, some: list[Waiting]) -> None:
        reader, images, futures = self._served.reader, [], []
        for source, future in some:
            if future.done():  # its client has gone
                continue
            try:
                if isinstance(source, ink.Drawing):
                    source = ink.to_image(source, reader.card.frame)
            except InklingError as error:
                future.set_exception(error)
                continue
            images.append(source)
            futures.append(future)
        if images:
            monitoring.BATCH.observe(len(images))
            for future, reading in zip(futures, reader.read_images(np.stack(images)), strict=True):
                future.set_result((reading, reader.card))


class Threads:
    """Threads for work that takes longer, and a bounded queue before them."""

    def __init__(self, number: int) -> None:
        """To be made within the event loop."""
        self._limiter = anyio.CapacityLimiter(number)

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """What `work` gives, once a thread is free. Raises Overloaded if too many wait."""
        refuse_beyond(MAX_WAITING, self._limiter.statistics().tasks_waiting)
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._limiter)


def refuse_beyond(most: int, waiting: int) -> None:
    """Raise Overloaded if so many wait already."""
    if waiting >= most:
        monitoring.REJECTED.inc()
        raise Overloaded(
            f"Expected at most {most} requests to wait for this server, got more",
            "Try again in a second",
        )
