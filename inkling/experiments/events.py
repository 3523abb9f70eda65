"""The events of a run: what a training reports, one JSON object a line of its events.jsonl.

`append` is the one writer, `since` the one reader. A line that is no event of today, or was cut
short by a full disk, is skipped.
"""

import json
import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from inkling.errors import RunError
from inkling.experiments import runs
from inkling.metrics import Measures


@dataclass(frozen=True, kw_only=True)
class Start:
    """A training begins, or goes on from `step`."""

    run: str
    recipe: str
    dataset: str
    seed: int
    device: str
    threads: int
    parameters: int
    epochs: int
    steps_per_epoch: int
    step: int  # of the whole training: 0, unless it is resumed
    event: Literal["start"] = "start"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an epoch is, several times a second."""

    epoch: int  # from 1 on
    step: int  # of the epoch
    loss: float  # mean of the epoch so far, nats an image, as augmented
    accuracy: float  # likewise, in [0, 1]
    images_per_second: float
    seconds_left: float  # of the whole training
    event: Literal["progress"] = "progress"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """An epoch has ended."""

    epoch: int  # from 1 on
    loss: float  # mean over the epoch, nats an image, as augmented
    accuracy: float  # likewise, in [0, 1]
    seconds: float  # of training steps since the run began
    validation_loss: float | None = None  # None where nothing validates
    validation_accuracy: float | None = None
    event: Literal["epoch"] = "epoch"


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """The run was stopped and saved."""

    run: str
    step: int = 0
    event: Literal["stopped"] = "stopped"


@dataclass(frozen=True, kw_only=True)
class End:
    """The run has ended in a bundle."""

    bundle: str
    train_seconds: float
    temperature: float
    test: Measures
    validation: Measures | None = None
    event: Literal["end"] = "end"


@dataclass(frozen=True, kw_only=True)
class SeedEnd:
    """A seed of a record has ended; the figures are per cent, over the seeds so far."""

    seed: int
    accuracy: float  # of this seed, in [0, 1]
    train_seconds: float  # of this seed
    mean: float
    std: float | None = None  # None of one seed
    n: int  # seeds so far
    event: Literal["seed"] = "seed"


@dataclass(frozen=True, kw_only=True)
class FineTuneStart:
    """A fine-tuning begins."""

    run: str
    learn: int  # drawings to learn from
    held_out: int  # drawings to compare by
    steps: int
    event: Literal["fine-tune-start"] = "fine-tune-start"


@dataclass(frozen=True)
class Figures:
    """How a bundle reads the held-out drawings, and MNIST. Shares in [0, 1]."""

    drawings: int
    right: int
    loss: float  # mean negative log-likelihood, nats a drawing
    rejected: int
    validation: float  # accuracy on MNIST's validation images
    test: float  # and on its test images
    test_rejected: float


@dataclass(frozen=True, kw_only=True)
class FineTuneEnd:
    """A fine-tuning has ended: the served bundle before it, and the new one."""

    bundle: str
    before: Figures
    after: Figures
    better: bool  # whether it is to be served
    why: str  # a sentence without its full stop
    event: Literal["fine-tune-end"] = "fine-tune-end"


Event = Annotated[
    Start | Progress | Epoch | Stopped | End | SeedEnd | FineTuneStart | FineTuneEnd,
    Field(discriminator="event"),
]
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def to_json(event: Event) -> str:
    """An event as one line of JSON, without its values that are None."""
    values = _EVENT.dump_python(event, exclude_none=True)
    return json.dumps(values)  # of ASCII alone: a path may hold what is no text


def append(run: Path, event: Event) -> None:
    """Add an event to a run's. Raises RunError where there is no room.

    A line that a full disk or a kill has cut short is ended first, so that it spoils no other.
    """
    try:
        with (run / runs.EVENTS).open("a+b") as file:
            torn = file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n"
            file.write(b"\n" * bool(torn) + to_json(event).encode() + b"\n")
    except OSError as cause:
        raise runs.no_room(run, cause) from cause


def since(run: Path, number: int) -> tuple[list[Event], int]:
    """The events of a run from that line on, and the number of the line that comes next.

    A run that has reported nothing yet has none. A line still being written waits.
    """
    try:
        content = (run / runs.EVENTS).read_bytes()
    except OSError:
        return [], number
    *lines, _ = content.split(b"\n")  # a name may hold what other splitting takes for an end
    found = []
    for line in lines[number:]:
        with suppress(ValidationError, ValueError):
            found.append(_EVENT.validate_python(json.loads(line)))
    return found, max(number, len(lines))


def epochs(run: Path) -> list[Epoch]:
    """The epochs of a run so far, in order, each once. Raises RunError where there are none."""
    if not (run / runs.EVENTS).is_file():
        raise RunError(
            f"{run}: expected the folder of a run, with {runs.EVENTS}",
            "Start one with: inkling train",
        )
    found = {  # one that was taken again after a crash: the last
        event.epoch: event
        for event in since(run, 0)[0]
        if isinstance(event, Epoch) and math.isfinite(event.loss)
    }
    if not found:
        raise RunError(f"{run}: expected a run with a whole epoch, found none", "Let it train on")
    return [found[number] for number in sorted(found)]
