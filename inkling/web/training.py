"""Trainings over HTTP: started, watched, stopped, taken up again; and teaching.

Whatever is watched is read from the folder of a run, so that one that a terminal has started is
watched in the same way.
"""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel, Field

from inkling import data, drawings
from inkling.data import catalog
from inkling.experiments import events, recipes, runs
from inkling.reading import bundle
from inkling.errors import RunError
from inkling.reading.registry import SHIPPED, Served
from inkling.web.jobs import Jobs
from inkling.web.threads import run

PICTURES = {"sheet": runs.SHEET, "filters": runs.FILTERS}


class Wanted(BaseModel):
    """A training to start."""

    recipe: str = "digits"
    dataset: str | None = Field(None, description="Not the recipe's own")
    epochs: float | None = Field(None, gt=0, description="Not the recipe's own")
    seed: int = Field(0, ge=0)


def add_training(app: FastAPI, served: Served, url: str, jobs: Jobs) -> None:
    """What is trained, and taught from the drawings of the database at `url`."""
    shelf = served.shelf

    def folder(name: str) -> Path:
        path = shelf.runs / name
        with suppress(OSError):  # a name may be too long for a file
            if path.parent == shelf.runs and (path / runs.PLAN).is_file():
                return path
        raise RunError(f"Expected a run that is here, got {name!r}", "Look anew")

    def known(name: str) -> Path:
        """A run's folder, or where one that was just started will have its own."""
        started = jobs.state(shelf.runs / name)[0] is not None
        return shelf.runs / name if started else folder(name)

    def described(path: Path) -> dict[str, Any]:
        state, said = jobs.state(path)
        if state != "running":
            ended = (path / bundle.IN_A_RUN / bundle.CARD).is_file()
            state = "running" if runs.is_held(path) else "ended" if ended else "stopped"
        recipe: dict[str, Any] = {}
        seed = None
        if (path / runs.PLAN).is_file():  # one just started has none yet
            try:
                plan = runs.read_plan(path)
                recipe, seed = dict(plan["recipe"]), plan["seed"]
            except (RunError, TypeError, ValueError):
                said = f"{path}: expected a plan of a run, but it cannot be read as one"
        return {
            "name": path.name,
            "state": state,
            "said": said,
            "recipe": recipe.get("name"),
            "dataset": recipe.get("dataset"),
            "epochs": recipe.get("epochs"),
            "seed": seed,
        }

    def watched(path: Path, after: int) -> dict[str, Any]:
        state = described(path)  # first: of one that has ended, all events are there then
        found, following = events.since(path, after)
        return state | {"events": found, "next": following}

    @app.get("/api/recipes", summary="What can be trained")
    async def list_recipes() -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "about": recipe.about,
                "dataset": recipe.dataset,
                "epochs": recipe.epochs,
            }
            for name, recipe in recipes.RECIPES.items()
            if recipe.members == 1
        ]

    @app.get("/api/data", summary="The data sets that are here")
    async def list_data() -> list[str]:
        return [dataset.name for dataset in catalog.CATALOG.values() if data.is_here(dataset)]

    @app.get("/api/runs", summary="The runs here, the newest first")
    async def list_runs() -> list[dict[str, Any]]:
        def work() -> list[dict[str, Any]]:
            plans = shelf.runs.glob(f"*/{runs.PLAN}")
            newest = sorted(plans, key=lambda plan: plan.stat().st_mtime, reverse=True)
            return [described(plan.parent) for plan in newest]

        return await run(app, work)

    @app.post("/api/runs", status_code=201, summary="Start a training")
    async def start(wanted: Wanted) -> dict[str, Any]:
        def work() -> dict[str, Any]:
            recipe = recipes.get(wanted.recipe)
            if wanted.dataset:
                catalog.get(wanted.dataset)
            path = shelf.runs / f"{recipe.name}-{datetime.now():%Y%m%d-%H%M%S}"
            chosen = {"dataset": wanted.dataset, "epochs": wanted.epochs, "seed": wanted.seed}
            options = [f"--{key}={value}" for key, value in chosen.items() if value is not None]
            jobs.start(path, "train", recipe.name, *options, "--out", str(path))
            return {"name": path.name}

        return await run(app, work)

    @app.get("/api/runs/{name}", summary="A run: its plan, and its events from one on")
    async def watch(name: str, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        return await run(app, watched, await run(app, known, name), after)

    @app.get("/api/runs/{name}/look", summary="What it last read of a fixed sheet of digits")
    async def look(name: str) -> Response:
        path = folder(name) / runs.LOOK
        return await run(app, file_of, path) if path.is_file() else Response("null")

    @app.get("/api/runs/{name}/{picture}.png", summary="That sheet, or the first layer's filters")
    async def picture(name: str, picture: Literal["sheet", "filters"]) -> Response:
        return await run(app, file_of, folder(name) / PICTURES[picture])

    @app.post("/api/runs/{name}/stop", summary="Save and stop it")
    async def stop(name: str) -> dict[str, Any]:
        path = await run(app, known, name)
        await run(app, jobs.stop, path)
        return await run(app, described, path)

    @app.post("/api/runs/{name}/resume", summary="Go on with a stopped one")
    async def resume(name: str) -> dict[str, Any]:
        path = await run(app, folder, name)
        jobs.start(path, "train", "--resume", str(path))
        return await run(app, described, path)

    @app.post("/api/teach", status_code=201, summary="Teach the network that ships your hand")
    async def teach() -> dict[str, Any]:
        def work() -> dict[str, Any]:
            name = f"{datetime.now():%Y%m%d-%H%M%S}"
            options = ["--name", name, "--served", str(served.path)]
            jobs.start(shelf.taught / name, "teach", *options, **{drawings.ENVIRONMENT: url})
            return {"name": name}

        return await run(app, work)

    @app.get("/api/teach", summary="The latest teaching, if there is one")
    async def latest_teaching() -> dict[str, Any]:
        def work() -> dict[str, Any]:
            running = jobs.running()
            if running and running.parent == shelf.taught:
                return described(running)
            plans = shelf.taught.glob(f"*/{runs.PLAN}")
            latest = max(plans, key=lambda plan: plan.stat().st_mtime, default=None)
            return described(latest.parent) if latest else {"name": None, "state": None}

        return await run(app, work)

    @app.get("/api/teach/{name}", summary="A teaching: its events from one on")
    async def watch_teaching(name: str, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        path = shelf.taught / name
        known = path.parent == shelf.taught and path.is_dir()
        if not known and jobs.state(path)[0] is None:
            raise RunError(f"Expected a teaching that is here, got {name!r}", "Look anew")
        return await run(app, watched, path, after)

    @app.post("/api/teach/{name}/stop", summary="Stop it; nothing changes")
    async def stop_teaching(name: str) -> dict[str, Any]:
        await run(app, jobs.stop, shelf.taught / name)
        return {"name": name}

    @app.post("/api/teach/back", summary="Serve the bundle that ships again")
    async def back() -> dict[str, Any]:
        await run(app, shelf.choose, SHIPPED)
        return {"served": served.name}


def file_of(path: Path) -> Response:
    """A file that changes while it is looked at. Raises RunError where there is none yet."""
    if not path.is_file():
        raise RunError(f"Expected {path.name} in the run's folder, found none", "Let it train on")
    kind = "image/png" if path.suffix == ".png" else "application/json"
    return Response(path.read_bytes(), media_type=kind, headers={"Cache-Control": "no-store"})
