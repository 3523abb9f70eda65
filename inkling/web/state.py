"""What the routes share, and how they do work that would hold up others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from inkling import system
from inkling.drawings import Store
from inkling.reading.registry import Registry, Served
from inkling.web.jobs import Jobs
from inkling.web.readings import Readings, Threads
from inkling.web.settings import Settings

Done = TypeVar("Done")


@dataclass
class State:
    """The collaborators of an application, and what it works with."""

    served: Served
    store: Store
    settings: Settings
    readings: Readings

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.registry.home / "jobs")
        self.sockets = 0  # live ones that are open

    @property
    def registry(self) -> Registry:
        """The bundles that are here."""
        return self.served.registry

    def start(self) -> None:
        """Get ready, within the event loop."""
        self._others, self._reports = Threads(system.cores()), Threads(1)
        self.readings.start()

    async def report(self, work: Callable[[], Done]) -> Done:
        """What `work` gives, which takes seconds: one at a time."""
        return await self._reports.run(work)

    async def run(self, work: Callable[..., Done], *arguments: object) -> Done:
        """What `work` gives, done in a thread once one is free: it may wait for a file or lock."""
        return await self._others.run(work, *arguments)


def _state(connection: HTTPConnection) -> State:
    state: State = connection.app.state.inkling
    return state


Current = Annotated[State, Depends(_state)]
