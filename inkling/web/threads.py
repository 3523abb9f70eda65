"""Work that would hold up others: in threads, no more at a time than there are cores."""

from collections.abc import Callable
from typing import Any, TypeVar

import anyio.to_thread
from fastapi import FastAPI

Done = TypeVar("Done")


async def run(app: FastAPI, work: Callable[..., Done], *arguments: Any) -> Done:
    """What `work` gives, done in a thread of its own once one is free."""
    return await anyio.to_thread.run_sync(work, *arguments, limiter=app.state.readers)
