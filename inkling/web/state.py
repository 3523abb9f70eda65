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
    threads: anyio.CapacityLimiter | None = None  # set once the event loop runs

    @property
    def registry(self) -> Registry:
        """The bundles that are here."""
        return self.served.registry

    def start(self) -> None:
        """Get ready, within the event loop: as many threads work as there are cores."""
        self.threads = anyio.CapacityLimiter(system.cores())

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """What `work` gives, done in a thread once one is free."""
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self.threads)


def _state(connection: HTTPConnection) -> State:
    state: State = connection.app.state.inkling
    return state


Current = Annotated[State, Depends(_state)]
