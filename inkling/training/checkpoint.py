"""The checkpoint of a run, saved so that no crash loses more than an epoch.

Tensors and state share one file, so that a crash never leaves one without the other.
No pickle anywhere.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from inkling.errors import RunError
from inkling.experiments.runs import CHECKPOINT, PLAN, SOURCE, Plan, held, no_room
from inkling.files import write_atomically


def create(run: Path, plan: Plan, source: Path | None = None) -> None:
    """Make the folder of a new run. Raises RunError if it holds one or cannot be made.

    Of processes that make the same folder at once, one succeeds.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        with held(run):
            if (run / PLAN).exists():
                raise RunError(
                    f"{run}: expected a new folder, but a run is there",
                    f"Go on with: inkling train --resume {run}",
                )
            if source:
                write_atomically(run / SOURCE, source.read_bytes())
            write_atomically(run / PLAN, json.dumps(asdict(plan), indent=2).encode() + b"\n")
    except OSError as cause:
        raise RunError(
            f"{run}: expected a folder to write to, but {cause.strerror}",
            "Name another folder",
        ) from cause


def write(run: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Save the tensors and the JSON-able `state`, all or nothing."""
    content = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        metadata={"state": json.dumps(state)},
    )
    try:
        write_atomically(run / CHECKPOINT, content)
    except OSError as cause:
        raise no_room(run, cause) from cause


def read(run: Path, load: Callable[[dict[str, Tensor]], None]) -> dict[str, Any] | None:
    """Give the tensors to `load`; the state, or None before the first save.

    Raises RunError if the checkpoint cannot be read, or `load` finds another network's.
    """
    if not (run / CHECKPOINT).exists():
        return None
    tensors, state = _open(run)
    try:
        load(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as cause:
        raise _unfit(run) from cause
    return state


def read_tensors(run: Path) -> dict[str, Tensor]:
    """The tensors of the last save, in the order of their names. Raises RunError."""
    return _open(run)[0]


def _open(run: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(run / CHECKPOINT, framework="pt") as file:
            state: dict[str, Any] = json.loads(file.metadata()["state"])
            names = sorted(file.keys(), key=_natural)
            return {name: file.get_tensor(name) for name in names}, state
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as cause:
        raise _unfit(run) from cause


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts layer 2 before layer 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in name.split(".")]


def _unfit(run: Path) -> RunError:
    return RunError(
        f"{run / CHECKPOINT}: expected a checkpoint of this run's network, "
        "but it cannot be read as one",
        "Train again; its other files are untouched",
    )
