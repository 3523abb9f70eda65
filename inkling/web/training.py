"""Trainings and fine-tunings over HTTP: started, watched, stopped, resumed.

What is shown is read from the folder of a run, so that one started in a terminal is shown in the
same way.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from inkling import drawings, system
from inkling.data import catalog
from inkling.errors import InklingError, RunError
from inkling.experiments import events, recipes, runs
from inkling.experiments.events import Event
from inkling.reading.registry import PRETRAINED, newest
from inkling.web.state import Current, State

PICTURES = {"sheet": runs.SHEET, "filters": runs.FILTERS}
MAX_CURVE = 60  # points of a run's curve in the list
After = Annotated[int, Query(ge=0, description="How many events are known already")]
Session = Annotated[
    str | None,
    Query(max_length=64, pattern=r"^[^\x00]*$", description="Only the drawings of this session"),
]

router = APIRouter()


class Wanted(BaseModel):
    """A training to start."""

    recipe: str = "digits"
    dataset: str | None = Field(None, description="Instead of the recipe's data set")
    epochs: float | None = Field(None, gt=0, description="Instead of the recipe's epochs")
    seed: int = Field(0, ge=0)


class RunState(BaseModel):
    """A run, or a fine-tuning, as its folder and its process say."""

    name: str | None
    state: runs.State | None
    stopping: bool = False  # it was told to stop, and still runs
    died: bool = False  # its process ended before the run did, and nobody stopped it
    said: str = ""  # the last line of the error output of a process that failed
    recipe: str | None = None
    dataset: str | None = None
    epochs: float | None = None
    seed: int | None = None


class Listed(RunState):
    """A run in the list of runs."""

    accuracy: float | None = None  # on the test images, of one that has ended
    curve: list[float] = []  # the validation accuracy of its epochs, thinned


class Watched(RunState):
    """A run, with its events from one on."""

    log: list[str] = []  # how the error output of a process that died ends
    events: list[Event]
    next: int  # of the event that comes next


class Named(BaseModel):
    """A run's name."""

    name: str


@router.get("/api/recipes", summary="What can be trained")
async def list_recipes() -> list[dict[str, Any]]:
    """Every recipe of one network."""
    return [
        {"name": name, "about": recipe.about, "dataset": recipe.dataset, "epochs": recipe.epochs}
        for name, recipe in recipes.RECIPES.items()
        if recipe.evaluation.ensemble_size == 1
    ]


@router.get("/api/training", summary="Whether this installation can train")
async def can_train(state: Current) -> dict[str, str | None]:
    """What is missing, and the way out, as the pip line that installs it; null where nothing is."""
    try:
        _require(state, "Training a network")
    except InklingError as error:
        return {"error": error.error, "hint": error.hint}
    return {"error": None, "hint": None}


@router.get("/api/runs", summary="The runs here, the newest first")
async def list_runs(state: Current) -> list[Listed]:
    """Those under way, too, and a start that failed, until the next start."""

    def work() -> list[Listed]:
        plans = newest(f"*/{runs.PLAN}", state.registry.runs)
        planned = [_listed(state, plan.parent) for plan in plans if plan.is_file()]
        begun = [_listed(state, path) for path in state.jobs.without_plan(state.registry.runs)]
        return [run for run in begun if run.state == "running" or run.said] + planned

    return await state.run(work)


@router.post("/api/runs", status_code=201, summary="Start a training")
async def start(wanted: Wanted, state: Current) -> Named:
    """The name of the run. Fails where the extra `train` is not installed."""

    def work() -> Named:
        _require(state, "Training")
        recipe = recipes.get(wanted.recipe)
        if wanted.dataset:
            catalog.get(wanted.dataset)
        path = state.registry.runs / f"{recipe.name}-{datetime.now():%Y%m%d-%H%M%S}"
        chosen = {"dataset": wanted.dataset, "epochs": wanted.epochs, "seed": wanted.seed}
        options = [f"--{key}={value}" for key, value in chosen.items() if value is not None]
        state.jobs.start(path, "train", recipe.name, *options, "--out", str(path))
        return Named(name=path.name)

    return await state.run(work)


@router.get(
    "/api/runs/{name}",
    response_model_exclude_none=True,
    summary="A run: its plan, and its events from one on",
)
async def watch(name: str, state: Current, after: After = 0) -> Watched:
    """Ask again with `after` = `next` for what has happened since."""
    return await state.run(_watched, state, await state.run(_known, state, name), after)


@router.get("/api/runs/{name}/snapshot", summary="What it last read of a fixed sheet of digits")
async def snapshot(name: str, state: Current) -> Response:
    """null before the first."""
    path = _folder(state, name) / runs.SNAPSHOT
    return await state.run(_file, path) if path.is_file() else Response("null")


@router.get("/api/runs/{name}/{picture}.png", summary="That sheet, or the first layer's filters")
async def picture(name: str, picture: Literal["sheet", "filters"], state: Current) -> Response:
    """A PNG that changes while the run is under way."""
    return await state.run(_file, _folder(state, name) / PICTURES[picture])


@router.post("/api/runs/{name}/stop", summary="Save and stop it")
async def stop(name: str, state: Current) -> RunState:
    """Its state a moment later; it stops after the step it is in."""
    _require_one_machine(state)
    path = await state.run(_known, state, name)
    await state.run(state.jobs.stop, path)
    return await state.run(_described, state, path)


@router.post("/api/runs/{name}/resume", summary="Go on with a stopped one")
async def resume(name: str, state: Current) -> RunState:
    """Its state a moment later."""
    _require(state, "Training")
    path = await state.run(_folder, state, name)
    state.jobs.start(path, "train", "--resume", str(path))
    return await state.run(_described, state, path)


@router.post("/api/teach", status_code=201, summary="Teach the network that ships your handwriting")
async def teach(state: Current, session: Session = None) -> Named:
    """The name of the fine-tuning. Fails where the extra `train` is not installed."""

    def work() -> Named:
        _require(state, "Teaching")
        name = f"{datetime.now():%Y%m%d-%H%M%S}"
        options = ["--name", name, "--served", str(state.served.path)]
        options += [f"--session={session}"] if session else []
        database = {drawings.ENVIRONMENT: state.settings.database or drawings.default_url()}
        state.jobs.start(state.registry.taught / name, "teach", *options, **database)
        return Named(name=name)

    return await state.run(work)


@router.get("/api/teach", summary="The latest fine-tuning, if there is one")
async def latest_fine_tuning(state: Current) -> RunState:
    """Its state; name and state are null where there is none."""

    def work() -> RunState:
        taught = state.registry.taught
        running = state.jobs.running()
        if running and running.parent == taught:
            return _described(state, running)
        plans = newest(f"*/{runs.PLAN}", taught)
        return _described(state, plans[0].parent) if plans else RunState(name=None, state=None)

    return await state.run(work)


@router.get(
    "/api/teach/{name}",
    response_model_exclude_none=True,
    summary="A fine-tuning: its events from one on",
)
async def watch_fine_tuning(name: str, state: Current, after: After = 0) -> Watched:
    """Ask again with `after` = `next` for what has happened since."""
    path = await state.run(_known_fine_tuning, state, name)
    return await state.run(_watched, state, path, after)


@router.post("/api/teach/{name}/stop", summary="Stop it; nothing changes")
async def stop_fine_tuning(name: str, state: Current) -> Named:
    """Its name."""
    _require_one_machine(state)
    await state.run(state.jobs.stop, await state.run(_known_fine_tuning, state, name))
    return Named(name=name)


@router.post("/api/teach/back", summary="Serve the bundle that ships again")
async def back(state: Current) -> dict[str, str]:
    """The name of the served bundle."""
    await state.run(state.registry.choose, PRETRAINED)
    return {"served": state.served.name}


def _require(state: State, what: str) -> None:
    """Raise RunError or MissingExtra where this server does not train."""
    _require_one_machine(state)
    system.require(what, "train")


def _require_one_machine(state: State) -> None:
    """Raise RunError where processes may be those of another machine."""
    if not state.settings.trains:
        raise RunError(
            "Expected a server of one machine to train on, got one of several",
            "Train with: inkling train --workers 2",
        )


def _folder(state: State, name: str) -> Path:
    path = state.registry.runs / name
    with suppress(OSError):  # a name may be too long for a file
        if path.parent == state.registry.runs and (path / runs.PLAN).is_file():
            return path
    raise RunError(f"Expected a run that is here, got {name!r}", "Reload the list")


def _known(state: State, name: str) -> Path:
    """A run's folder, also of one that was just started and has none yet."""
    path = state.registry.runs / name
    return path if state.jobs.state(path)[0] is not None else _folder(state, name)


def _known_fine_tuning(state: State, name: str) -> Path:
    """A fine-tuning's folder, also of one that was just started and has none yet."""
    path = state.registry.taught / name
    with suppress(OSError):  # a name may be too long for a file
        if state.jobs.state(path)[0] or (path.parent == state.registry.taught and path.is_dir()):
            return path
    raise RunError(f"Expected a fine-tuning that is here, got {name!r}", "Reload the page")


def _described(state: State, path: Path) -> RunState:
    running, said = state.jobs.state(path)
    if running != "running":
        ended = runs.has_ended(path)
        running = "running" if runs.is_held(path) else "ended" if ended else "stopped"
    found = RunState(name=path.name, state=running, said=said)
    found.stopping = running == "running" and state.jobs.is_stopping(path)
    found.died = running == "stopped" and (bool(said) or (path / runs.HOLDER).exists())
    if (path / runs.PLAN).is_file():  # one that was just started has none yet
        try:
            plan = runs.read_plan(path)
            found.recipe, found.dataset = plan.recipe.name, plan.recipe.dataset
            found.epochs, found.seed = plan.recipe.epochs, plan.seed
        except (InklingError, TypeError, ValueError):
            found.said = f"{path}: expected a plan of a run, but it cannot be read as one"
    return found


def _watched(state: State, path: Path, after: int) -> Watched:
    described = _described(state, path)  # first: of one that has ended, all events are there then
    found, following = events.since(path, after)
    log = state.jobs.log(path) if described.died else []
    return Watched(**described.model_dump(), log=log, events=found, next=following)


@dataclass(frozen=True)
class _Summary:
    """What the list shows of the events of a run."""

    size: int = 0  # bytes of the events that were read
    next: int = 0  # of the event that comes next
    accuracies: dict[int, float] = field(default_factory=dict)  # on validation images, by epoch
    test: float | None = None


_summaries: dict[tuple[Path, int], _Summary] = {}  # by folder and inode: each event is read once


def _summary(path: Path) -> _Summary:
    try:
        status = (path / runs.EVENTS).stat()
    except OSError:
        return _Summary()
    known = _summaries.get(key := (path, status.st_ino), _Summary())
    if known.size == status.st_size:
        return known
    found, following = events.since(path, known.next)
    accuracies, test = dict(known.accuracies), known.test
    for event in found:
        if isinstance(event, events.Epoch) and event.validation_accuracy is not None:
            accuracies[event.epoch] = event.validation_accuracy
        if isinstance(event, events.End):
            test = event.test.accuracy
    _summaries[key] = _Summary(status.st_size, following, accuracies, test)
    return _summaries[key]


def _listed(state: State, path: Path) -> Listed:
    described = _described(state, path)
    summary = _summary(path)
    curve = [summary.accuracies[epoch] for epoch in sorted(summary.accuracies)]
    step = -(-len(curve) // MAX_CURVE) or 1
    thinned = curve[::-step][::-1]  # with the last
    accuracy = summary.test if described.state == "ended" else None
    return Listed(**described.model_dump(), accuracy=accuracy, curve=thinned)


def _file(path: Path) -> Response:
    """A file that changes while it is looked at. Raises RunError where there is none yet."""
    kind = "image/png" if path.suffix == ".png" else "application/json"
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise RunError(
            f"Expected {path.name} in the run's folder, found none", "Let it train on"
        ) from cause
    return Response(content, media_type=kind, headers={"Cache-Control": "no-store"})
