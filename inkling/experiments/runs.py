"""The folder of a training run: where it lies, what is in it, who trains it.

    run.json                the plan: recipe and seed; where, and with which commit, it was begun
    recipe.py               the file of a user's own recipe, as it was
    events.jsonl            what was reported, one JSON object a line
    checkpoint.safetensors  weights and optimizer, and in its header the state as JSON
    sheet.png, snapshot.json, filters.png  snapshots of the network as it learns
    lock, pid               the lock of the process that trains it, and its number
    stop                    there while its workers are to stop
    bundle/                 the trained model, at the end

A training holds the lock of its folder, so that two never write to one, and so that others see
that it is under way, wherever it was started.
"""

import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from inkling.errors import RunError
from inkling.experiments.recipe import Recipe, from_saved
from inkling.files import RUNS as RUNS
from inkling.reading import bundle

PLAN = "run.json"
EVENTS = "events.jsonl"
SOURCE = "recipe.py"
CHECKPOINT = "checkpoint.safetensors"
SHEET, SNAPSHOT, FILTERS = "sheet.png", "snapshot.json", "filters.png"
LOCK, HOLDER = "lock", "pid"
STOP = "stop"  # there while workers of other machines are to stop
BUNDLE = bundle.IN_A_RUN
SECONDS_TO_WAIT, SECONDS_TO_LOOK = 0.5, 0.1  # since looking takes the lock, too, for a moment
_looking = threading.Lock()  # one thread at a time
State = Literal["running", "stopped", "ended"]


@dataclass(frozen=True)
class Plan:
    """What a run was begun with."""

    recipe: Recipe
    seed: int
    commit: str  # of the package; "unknown" of runs of 0.1.0
    device: str
    threads: int
    machine: dict[str, Any] | None = None  # system.describe(); None before 0.6.0, as the versions
    versions: dict[str, str] | None = None  # of Python and the libraries
    kind: Literal["training", "fine-tuning"] = "training"
    workers: int = 1  # processes that train it together


def read_plan(run: Path) -> Plan:
    """The plan of a run. Raises RunError if there is none, RecipeError if it is of no version."""
    try:
        values: dict[str, Any] = json.loads((run / PLAN).read_bytes())
        recipe = from_saved(values["recipe"])
        return Plan(
            recipe=recipe,
            seed=values["seed"],
            commit=values.get("commit", "unknown"),
            device=values["device"],
            threads=values["threads"],
            machine=values.get("machine"),
            versions=values.get("versions"),
            kind=values.get("kind") or ("training" if recipe.name != "taught" else "fine-tuning"),
            workers=values.get("workers", 1),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise RunError(
            f"{run}: expected the folder of a run, with {PLAN}", "Start one with: inkling train"
        ) from cause


def new_folder(path: Path) -> Path:
    """That path with the time after it, and a number where such a folder is there already."""
    base = f"{path.name}-{datetime.now():%Y%m%d-%H%M%S}"
    names = (path.with_name(f"{base}-{n}" if n > 1 else base) for n in itertools.count(1))
    return next(folder for folder in names if not folder.exists())


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
        with suppress(OSError):  # a full disk is reported where something is lost by it
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
    """Tell the process that trains a run to save and stop, once. Raises RunError if none does."""
    if not is_held(run):
        raise RunError(f"{run}: expected a run under way, but nobody trains it", "Reload the list")
    if (holder := _holder(run)) is None:  # it was told, and saves
        return
    try:
        (run / HOLDER).unlink(missing_ok=True)  # a second signal would not let it save
        if sys.platform == "win32":  # SIGINT would end it unsaved; no test of ours runs there
            os.kill(holder, signal.CTRL_BREAK_EVENT)
        else:
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


def has_ended(run: Path) -> bool:
    """Whether the run has ended in a bundle."""
    return (run / BUNDLE / bundle.CARD).is_file()


def no_room(run: Path, cause: OSError) -> RunError:
    """The error of a run that cannot write to its folder."""
    return RunError(
        f"{run}: expected room to write to, but {cause.strerror}",
        f"Free some space, then: inkling train --resume {run}",
    )
