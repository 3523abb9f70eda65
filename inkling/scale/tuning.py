"""A search for the values of a recipe, on validation images alone: Ray Tune with ASHA.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA). Trials train
side by side. At each rung of epochs, the worse ones are stopped. No test image is looked at.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler

from inkling import data, system
from inkling.errors import RecipeError
from inkling.experiments import events
from inkling.experiments.recipe import Recipe, change
from inkling.scale.cluster import connected
from inkling.training import loop

TRIALS = "trials.jsonl"  # in the folder of a search: one trial a line
REDUCTION = 3  # of so many trials at a rung, one goes on
RANGE = re.compile(r"(log:)?(-?[\d.e-]+)\.\.(-?[\d.e-]+)")


@dataclass(frozen=True)
class Trial:
    """What one set of values came to."""

    settings: dict[str, str]  # as of --set
    accuracy: float | None  # best on the validation images, in [0, 1]; None if it failed
    epochs: int  # trained
    run: str  # its folder
    error: str = ""


def space_of(settings: list[str]) -> dict[str, Any]:
    """The search space of KEY=A|B|C, KEY=LOW..HIGH and KEY=log:LOW..HIGH. Raises RecipeError."""
    space: dict[str, Any] = {}
    for setting in settings:
        key, _, values = setting.partition("=")
        found = RANGE.fullmatch(values)
        if found:
            low, high = float(found[2]), float(found[3])
            if not (low < high and (low > 0 or not found[1])):
                raise _wrong(setting)
            space[key] = (tune.loguniform if found[1] else tune.uniform)(low, high)
        elif key and "|" in values:
            space[key] = tune.choice(values.split("|"))
        else:
            raise _wrong(setting)
    return space


def search(
    recipe: Recipe,
    source: Path | None,
    space: Mapping[str, Any],
    trials: int,
    folder: Path,
    seed: int,
) -> list[Trial]:
    """Train trials of a recipe, the best on validation first; each is a line of TRIALS.

    `source` is the file of a user's own recipe. Raises RecipeError where nothing validates.
    """
    if not data.splits(recipe.dataset, recipe.split).validation:
        raise RecipeError(
            f"Expected a recipe with validation images, got {recipe.name}", "Set another split"
        )
    folder.mkdir(parents=True, exist_ok=True)
    scheduler = ASHAScheduler(
        time_attr="epoch", max_t=max(int(recipe.epochs), 1), reduction_factor=REDUCTION
    )
    with connected(system.cores()):
        tuner = tune.Tuner(
            tune.with_resources(
                partial(_train, recipe=recipe, source=source, folder=folder.resolve(), seed=seed),
                {"cpu": 1},
            ),
            param_space=dict(space),
            tune_config=tune.TuneConfig(
                metric="accuracy", mode="max", num_samples=trials, scheduler=scheduler
            ),
            run_config=tune.RunConfig(name="tune", storage_path=str(folder.resolve()), verbose=0),
        )
        results = tuner.fit()
        found = [_trial(results[index]) for index in range(len(results))]
    found.sort(key=lambda trial: -(trial.accuracy or 0))
    lines = "".join(json.dumps(asdict(trial)) + "\n" for trial in found)
    (folder / TRIALS).write_text(lines)
    return found


def _train(
    values: dict[str, Any], recipe: Recipe, source: Path | None, folder: Path, seed: int
) -> None:
    """Train one trial, and tell Tune of each epoch."""
    run = folder / tune.get_context().get_trial_id()
    best = 0.0

    def report(event: events.Event) -> None:
        nonlocal best
        if isinstance(event, events.Epoch):
            best = max(best, event.validation_accuracy or 0.0)
            tune.report({"accuracy": best, "epoch": event.epoch, "run": str(run)})

    loop.create(run, change(recipe, _settings(values)), seed, source=source)
    loop.train(run, report, finish=lambda run, *_: events.Stopped(run=str(run)))


def _settings(values: Mapping[str, Any]) -> list[str]:
    return [f"{k}={v:.6g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items()]


def _trial(result: "tune.Result") -> Trial:
    metrics = result.metrics or {}
    settings = dict(setting.split("=", 1) for setting in _settings(metrics.get("config", {})))
    error = str(result.error).strip().splitlines()[-1] if result.error else ""
    epochs, run = int(metrics.get("epoch", 0)), str(metrics.get("run", ""))
    return Trial(settings, metrics.get("accuracy"), epochs, run, error)


def _wrong(setting: str) -> RecipeError:
    return RecipeError(
        f"Expected KEY=A|B|C, KEY=LOW..HIGH or KEY=log:LOW..HIGH, got {setting}",
        "As --space batch=64|128 --space learning_rate=log:0.001..0.1",
    )
