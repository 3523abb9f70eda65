"""The folders of training runs, as any program may look at them: plan, state, who trains them.

A training holds the lock of its folder, so that two never write to one, and so that others see
that it is under way, wherever it was started.
"""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from inkling.errors import RunError

PLAN = "run.json"
SHEET, LOOK, FILTERS = "sheet.png", "look.json", "filters.png"  # of looks.py
LOCK, HOLDER = "lock", "pid"  # the second says which process holds the first
SECONDS_TO_WAIT, SECONDS_TO_LOOK = 0.5, 0.1  # since looking takes the lock, too, for a moment
_looking = threading.Lock()  # one thread at a time
State = Literal["running", "stopped", "ended"]


def read_plan(run: Path) -> dict[str, Any]:
    """The plan of a run. Raises RunError if there is none."""
    try:
        plan: dict[str, Any] = json.loads((run / PLAN).read_bytes())
        known = {key: plan[key] for key in ("recipe", "seed", "device", "threads")}
        later = {key: plan[key] for key in ("machine", "versions") if key in plan}  # since 0.6.0
        return known | later | {"commit": plan.get("commit", "unknown")}  # 0.1.0 wrote none
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise RunError(
            f"{run}: expected the folder of a run, with {PLAN}", "Start one with: inkling train"
        ) from cause


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Hold a run while training it. Raises RunError if another process does."""
    lock = FileLock(run / LOCK)
    try:
        lock.acquire(timeout=SECONDS_TO_WAIT)
    except Timeout as cause:
        raise RunError(
            f"{run}: expected a run that nobody trains, but process {_holder(run)} does",
            "Watch it on the page at /training, or stop it first",
        ) from cause
    except OSError as cause:
        raise RunError(
            f"{run}: expected a folder to write to, but {cause.strerror}", "Name another"
        ) from cause
    try:
        with suppress(OSError):  # a full disk is told of where something is lost by it
            (run / HOLDER).write_text(str(os.getpid()))
        yield
    finally:
        (run / HOLDER).unlink(missing_ok=True)
        lock.release()


def is_held(run: Path) -> bool:
    """Whether a process trains this run now."""
    if not (run / LOCK).exists():
        return False
    try:
        with _looking, FileLock(run / LOCK).acquire(timeout=SECONDS_TO_LOOK):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written to is not trained in
        return False


def stop(run: Path) -> None:
    """Ask the process that trains a run to save it and stop, once. Raises RunError if none does."""
    holder = _holder(run)
    if not is_held(run) or holder is None:
        raise RunError(f"{run}: expected a run under way, but nobody trains it", "Look anew")
    try:
        (run / HOLDER).unlink(missing_ok=True)  # a second signal would not let it save
        os.kill(holder, signal.SIGINT)
    except OSError as cause:
        raise RunError(
            f"{run}: expected to stop process {holder}, but {cause.strerror}",
            "Stop it where it was started",
        ) from cause


def _holder(run: Path) -> int | None:
    try:
        return int((run / HOLDER).read_text())
    except (OSError, ValueError):
        return None
