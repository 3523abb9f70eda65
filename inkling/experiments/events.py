"""The events of a training run: one JSON object a line of its events.jsonl."""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

from inkling.errors import RunError

EVENTS = "events.jsonl"
Event = dict[str, Any]


def append(run: Path, event: Event) -> None:
    """Add an event to a run's. Raises RunError where there is no room."""
    try:
        with (run / EVENTS).open("a") as file:
            file.write(json.dumps(event) + "\n")
    except OSError as cause:
        raise no_room(run, cause) from cause


def since(run: Path, number: int) -> tuple[list[Event], int]:
    """The events of a run from that line on, and the number of the line that comes next.

    A run that has reported nothing yet has none. A line still being written waits.
    """
    try:
        content = (run / EVENTS).read_text(errors="replace")
    except OSError:
        return [], number
    lines = content[: content.rfind("\n") + 1].splitlines()
    found = []
    for line in lines[number:]:
        with suppress(ValueError):  # cut short, as a full disk leaves it
            found.append(json.loads(line))
    return found, max(number, len(lines))


def epochs(run: Path) -> list[Event]:
    """The "epoch" events of a run so far, in order, each epoch once. Raises RunError.

    A line cut short, as a full disk leaves it, is passed over.
    """
    found: dict[int, Event] = {}
    try:
        lines = (run / EVENTS).read_text().splitlines()
    except (OSError, ValueError) as cause:
        raise RunError(
            f"{run}: expected the folder of a run, with {EVENTS}", "Start one with: inkling train"
        ) from cause
    for line in lines:
        try:
            event = json.loads(line)
            if event["event"] == "epoch" and _is_whole(event):
                found[event["epoch"]] = event  # one that was taken again after a crash: the last
        except (ValueError, KeyError, TypeError):
            continue
    if not found:
        raise RunError(
            f"{run}: expected a run with an epoch behind it, found none", "Let it train on"
        )
    return [found[number] for number in sorted(found)]


def _is_whole(event: Event) -> bool:
    """Whether an epoch has a number, and its figures are figures."""
    figures = [value for key, value in event.items() if key != "event"]
    return isinstance(event["epoch"], int) and all(
        isinstance(figure, int | float) and math.isfinite(figure) for figure in figures
    )


def no_room(run: Path, cause: OSError) -> RunError:
    """The error of a run that cannot write to its folder."""
    return RunError(
        f"{run}: expected room to write to, but {cause.strerror}",
        f"Free some space, then: inkling train --resume {run}",
    )
