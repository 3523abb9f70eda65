"""Train a recipe over seeds and write its record: results/NAME.json.

Every seed is trained as `inkling train` trains it and tested once, at its last epoch; the mean
is reported, not the best. The record is written anew after each seed, and a seed that stands
in it is never trained again. Where time is what counts, all seeds are of one machine; elsewhere,
a seed of another machine than the record names says so, and the seconds are without it.
"""

import hashlib
import json
import shutil
import statistics
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inkling import data, metrics, system
from inkling.data import catalog
from inkling.experiments import leaderboard, recipes, runs
from inkling.files import write_atomically
from inkling.reading import bundle
from inkling.training import checkpoint, engines, loop
from inkling.errors import RunError
from inkling.experiments.events import Event
from inkling.reading.reader import Reader
from inkling.experiments.recipes import Recipe

CHOSEN = {
    "standard": "validation: every twelfth training image; trained on the others",
    "tutorial": "validation: the last fifth of the training images; trained on the others",
    "all": "validation: every twelfth training image; then trained on all of them",
}
DEFAULTS = {field.name: field.default for field in fields(Recipe)}
SAID = ("about", "aim")  # what a recipe says of itself, and no training heeds
PLACE = ("device", "threads", "machine", "versions")  # what seconds depend on, more than accuracy
Record = dict[str, Any]


def record(
    recipe: Recipe,
    seeds: int,
    path: Path,
    report: Callable[[Event], None],
    should_stop: Callable[[], bool] = lambda: False,
    device: str | None = None,
    source: Path | None = None,
    anew: bool = False,
    allow_dirty: bool = False,
) -> Record | None:
    """Bring the record at `path` to seeds 0 to `seeds` - 1. None if it was stopped before.

    `report` gets the events of the trainings and, after each seed, {"event": "seed"} with the
    figures so far. `source` is the file of a recipe of one's own, read once. `anew` forgets the
    record and the runs of these seeds. Raises RunError if the package differs from its commit,
    unless `allow_dirty`, or if the record at `path`, or a run, is of other values or, on the board
    of time, another machine.
    """
    commit = system.commit()
    if commit.endswith("-dirty") and not allow_dirty:
        raise RunError(
            "Expected a package that is as committed, but files in it differ",
            "Commit them, or have the record say so: --allow-dirty",
        )
    members = replace(recipe, members=1)
    plan: Record = {
        "recipe": asdict(recipe),
        "source": source.read_text() if source else None,
        **engines.place(engines.choose_device(device, recipe)),
        "data_sha256": {f.name: f.sha256 for f in catalog.get(recipe.dataset).files},
    }
    folder = leaderboard.RUNS / "records" / f"{recipe.model}-{_digest(plan)}"
    test = data.splits(recipe.dataset, recipe.split).test
    if anew:
        _forget(path, [folder / f"seed-{number}" for number in range(seeds * recipe.members)])
    before = leaderboard.read_record(path) if path.exists() else None
    if before:
        _refuse_another(before, plan, path)
    if plan["source"]:
        source = folder / checkpoint.SOURCE
        _write(source, plan["source"].encode())
    named = {key: before[key] for key in PLACE} if before else None
    done: list[Record] = before["seeds"] if before else []
    result = before
    for seed in sorted(set(range(seeds)) - {entry["seed"] for entry in done}):
        folders = [
            folder / f"seed-{number}"
            for number in range(seed * recipe.members, (seed + 1) * recipe.members)
        ]
        for number, run in enumerate(folders, seed * recipe.members):
            _refuse_run_from_elsewhere(run, plan)
            if not _carry_out(run, members, number, plan["device"], source, report, should_stop):
                return None
        place = _place(folders[0], plan)
        named = named or place
        latest = _entry(seed, folders, test)
        latest |= {key: place[key] for key in PLACE if place[key] != named[key]}
        done = sorted([*done, latest], key=lambda entry: int(entry["seed"]))
        result = _summary(plan | named, done, bundle.read(folders[0])[0])
        _write(path, json.dumps(result, indent=2).encode() + b"\n")
        figures = {key: latest[key] for key in ("seed", "train_seconds")} | _mean(done)
        report({"event": "seed", "accuracy": latest["test"]["accuracy"], **figures})
    return result


def _digest(plan: Record) -> str:
    """What makes the runs of two records the same: all but names and how many are averaged."""
    values = {k: v for k, v in plan["recipe"].items() if k not in ("name", "members", *SAID)}
    values = {k: v for k, v in values.items() if v != DEFAULTS.get(k)}  # also of later versions
    kept = json.dumps([values, plan["source"], plan["device"], plan["threads"]], sort_keys=True)
    return hashlib.sha256(kept.encode()).hexdigest()[:12]


def _forget(path: Path, folders: list[Path]) -> None:
    try:
        for run in filter(Path.exists, folders):
            with runs.held(run):  # by nobody else
                pass
            shutil.rmtree(run)
        path.unlink(missing_ok=True)
    except OSError as cause:
        raise RunError(
            f"{cause.filename}: expected to remove it, but {cause.strerror}",
            "Write another record with --out",
        ) from cause


def _place(run: Path, here: Record) -> Record:
    """Where a run was begun; what runs of before 0.6.0 do not say of it is that of `here`."""
    plan = runs.read_plan(run)
    return {key: plan.get(key, here[key]) for key in PLACE}


def _is_timed(recipe: Recipe) -> bool:
    return leaderboard.board_of(recipe) == "time"


def _refuse_run_from_elsewhere(run: Path, plan: Record) -> None:
    if not _is_timed(Recipe(**plan["recipe"])) or not (run / runs.PLAN).exists():
        return
    place = _place(run, plan)
    differing = [key for key in PLACE if place[key] != plan[key]]
    if differing:
        raise RunError(
            f"{run}: expected a run of here, since time counts, but its {differing[0]} differs",
            "Begin the record again with --anew",
        )


def _refuse_another(before: Record, plan: Record, path: Path) -> None:
    said = {key: plan["recipe"][key] for key in SAID}
    recipe = replace(recipes.from_card(before["recipe"]), **said)
    before = before | {"recipe": asdict(recipe)}  # with the defaults of what is newer than it
    fixed = [key for key in plan if key not in PLACE or _is_timed(recipe)]
    differing = [key for key in fixed if before.get(key) != plan[key]]
    if differing:
        raise RunError(
            f"{path}: expected a record of the same {', '.join(fixed)}, but {differing[0]} differs",
            "Begin it again with --anew, or write another with --out",
        )


def _carry_out(
    run: Path,
    recipe: Recipe,
    seed: int,
    device: str,
    source: Path | None,
    report: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> bool:
    """Train one seed to its end, unless it has ended. False if it was stopped."""
    if (run / bundle.IN_A_RUN / bundle.CARD).exists():
        return True
    if not (run / runs.PLAN).exists():
        loop.create(run, recipe, seed, device, source)
    return loop.train(run, report, should_stop)


def _entry(seed: int, folders: list[Path], test: data.Split) -> Record:
    """What one seed came to: one network, or several whose logits are averaged."""
    readers = [Reader.load(run, threads=torch.get_num_threads()) for run in folders]
    cards = [reader.card for reader in readers]
    images = test.images()
    probabilities = [reader.probabilities(images) for reader in readers]
    logs = [np.log(np.maximum(p, metrics.LEAST_PROBABILITY)) for p in probabilities]
    together = probabilities[0] if len(folders) == 1 else metrics.softmax(np.mean(logs, axis=0))
    entry = {
        "seed": seed,
        "test": asdict(metrics.measure(together, test.labels)),
        "validation": asdict(cards[0].validation) if cards[0].validation else None,
        "train_seconds": round(sum(card.train_seconds for card in cards), 2),
        "temperature": cards[0].temperature,
        "commit": runs.read_plan(folders[0])["commit"],
    }
    dataset = catalog.get(cards[0].dataset)
    if dataset.corrections:
        labels = test.labels.copy()
        labels[list(dataset.corrections)] = list(dataset.corrections.values())
        decided = np.delete(np.arange(len(labels)), dataset.undecided)
        corrected = metrics.measure(together[decided], labels[decided])
        entry["corrected_test"] = asdict(corrected)
    return entry


def _summary(plan: Record, seeds: list[Record], card: bundle.Card) -> Record:
    recipe = Recipe(**plan["recipe"])
    seconds = statistics.median(
        entry["train_seconds"] for entry in seeds if not entry.keys() & set(PLACE)
    )
    images = len(data.splits(recipe.dataset, recipe.split).train.labels)
    trained = recipes.steps(recipe, images) * recipe.batch * recipe.members
    return {
        "board": leaderboard.board_of(recipe),
        **plan,
        "dataset": recipe.dataset,
        "chosen_on": CHOSEN[recipe.split],
        **_mean(seeds),
        "seeds": seeds,
        "train_seconds": round(seconds, 2),
        "images_per_second": round(trained / seconds),
        "epochs": recipe.epochs,
        "parameters": card.parameters * recipe.members,
        "multiply_adds": card.multiply_adds * recipe.members,
        "commit": ", ".join(dict.fromkeys(entry["commit"] for entry in seeds)),
    }


def _mean(seeds: list[Record]) -> Record:
    """Mean, standard deviation and 95 % interval in per cent, and the number of seeds."""
    tests = [100 * entry["test"]["accuracy"] for entry in seeds]
    n = seeds[0]["test"]["n"]  # the seeds share these images: more seeds do not narrow it
    interval = metrics.wilson(round(statistics.mean(tests) / 100 * n), n)
    figures: Record = {
        "mean": round(statistics.mean(tests), 4),
        "std": round(statistics.stdev(tests), 4) if len(tests) > 1 else None,
        "interval": [round(100 * share, 4) for share in interval],
        "n": len(tests),
        "mean_negative_log_likelihood": _average(seeds, "test", "negative_log_likelihood"),
    }
    if "corrected_test" in seeds[0]:
        figures["mean_corrected"] = round(100 * _average(seeds, "corrected_test", "accuracy"), 4)
    return figures


def _average(seeds: list[Record], part: str, figure: str) -> float:
    return float(round(statistics.mean(entry[part][figure] for entry in seeds), 6))


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as cause:
        raise RunError(
            f"{path}: expected a file to write to, but {cause.strerror}",
            "The runs are kept: name another with --out",
        ) from cause
