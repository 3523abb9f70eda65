"""What the routes share, and how they do work that would hold up others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends
from starlette.requests import HTTPConnection

from inkling import system
from inkling.drawings import Store
from inkling.reading.registry import Registry, Served
from inkling.web.jobs import Jobs

Done = TypeVar("Done")


@dataclass
class State:
    """The collaborators of an application, and the threads it works in."""

    served: Served
    store: Store
    url: str  # of the store's database
    jobs: Jobs = field(default_factory=Jobs)
    readings: anyio.CapacityLimiter | None = None  # these three are set once the event loop runs
    reports: anyio.CapacityLimiter | None = None
    others: anyio.CapacityLimiter | None = None

    @property
    def registry(self) -> Registry:
        """The bundles that are here."""
        return self.served.registry

    def start(self) -> None:
        """Get ready, within the event loop: as many threads read as there are cores."""
        self.readings = anyio.CapacityLimiter(system.cores())
        self.reports = anyio.CapacityLimiter(1)  # each takes seconds; the next finds it done
        self.others = anyio.CapacityLimiter(system.cores())

    async def read(self, work: Callable[[], Done]) -> Done:
        """What `work` gives, a reading: it waits for other readings alone."""
        return await anyio.to_thread.run_sync(work, limiter=self.readings)

    async def report(self, work: Callable[[], Done]) -> Done:
        """What `work` gives, which takes seconds: one at a time."""
        return await anyio.to_thread.run_sync(work, limiter=self.reports)

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """What `work` gives, done in a thread once one is free: it may wait for a file or lock."""
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self.others)


def _state(connection: HTTPConnection) -> State:
    state: State = connection.app.state.inkling
    return state


Current = Annotated[State, Depends(_state)]
