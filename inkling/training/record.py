"""Train a recipe over seeds and write its record: results/NAME.json.

Every seed is trained as `inkling train` trains it. The record is written again after each seed,
and a seed that stands in it is never trained again. Where time is what counts, all seeds are of
one machine; elsewhere, a seed of another machine than the record names says so, and the seconds
are without it.
"""

import hashlib
import io
import json
import shutil
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from inkling import data, metrics, system
from inkling.data import Split
from inkling.errors import RunError
from inkling.experiments import events, records, runs
from inkling.experiments import recipe as recipes
from inkling.experiments.recipe import Evaluation, Recipe
from inkling.experiments.records import Place, Record, SeedResult
from inkling.reading import bundle
from inkling.reading.reader import Reader
from inkling.training import engines, learner, loop
from inkling.training.loop import Report, ShouldStop

Train = Callable[[Path, Report, ShouldStop], bool]
Spread = Callable[[Callable[[int], bool], Sequence[int], int], None]


@dataclass(frozen=True)
class Request:
    """What a record is to be of: the same values give the same runs."""

    recipe: Recipe
    source: str | None  # the text of a user's own recipe
    place: Place
    data_sha256: dict[str, str]

    @property
    def folder(self) -> Path:
        """Where its runs lie: under a digest of all values but names and the ensemble's size.

        Values as they are by default do not count, so that later versions find the runs again.
        """
        single = _single(self.recipe)
        default = recipes.flat(Recipe(name="", about="", model="", dataset=""))
        values = {k: v for k, v in recipes.flat(single).items() if v != default[k]}
        for key in ("name", "about", "evaluation.target"):
            values.pop(key, None)
        relevant = [values, self.source, self.place.device, self.place.threads]
        digest = hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:12]
        return runs.RUNS / "records" / f"{self.recipe.model}-{digest}"

    @property
    def is_timed(self) -> bool:
        """Whether seconds count, so that all seeds must run on one machine."""
        return records.board_of(self.recipe) == "time"


def take_record(
    recipe: Recipe,
    seeds: int,
    path: Path,
    report: Report,
    should_stop: ShouldStop = lambda: False,
    device: str | None = None,
    source: Path | None = None,
    restart: bool = False,
    allow_dirty: bool = False,
    train: Train = loop.train,
    spread: Spread | None = None,
) -> Record | None:
    """Bring the record at `path` to seeds 0 to `seeds` - 1. None if it was stopped before.

    `report` gets the events of the trainings and, after each seed, an events.SeedEnd. `source` is
    the file of a user's own recipe, read once. `restart` deletes the record and the runs of these
    seeds first. `train` carries a run to its end. `spread` carries out a function for several
    numbers at once, each with some threads: with it, the networks are trained side by side before
    they are measured. Raises RunError if the package differs from its
    commit, unless `allow_dirty`, or if the record at `path`, or a run, is of other values or, on
    the board of time, of another machine.
    """
    if system.commit().endswith("-dirty") and not allow_dirty:
        raise RunError(
            "Expected a package that is as committed, but files in it differ",
            "Commit them, or have the record say so: --allow-dirty",
        )
    content = source.read_bytes() if source else b""  # once: it may be edited meanwhile
    request = Request(
        recipe,
        _text(content, source) if source else None,
        Place(**engines.place(engines.choose_device(device, recipe))),
        data.digests(recipe.dataset, *learner.mixed_datasets(recipe)),
    )
    size = recipe.evaluation.ensemble_size
    if restart:
        _delete(path, [request.folder / f"seed-{number}" for number in range(seeds * size)])
    made = records.read(path) if path.exists() else None
    if made:
        _refuse_another(made, request, path)
    if request.source:
        source = request.folder / runs.SOURCE
        records.write_file(source, content)
    missing = made.missing(seeds) if made else range(seeds)
    if spread:
        if request.is_timed:
            raise RunError(
                f"Expected a recipe whose seconds do not count, got {recipe.name}",
                "Train its seeds one after the other, without --engine",
            )
        train_one = partial(_train_alone, request, request.folder.resolve(), source)
        networks = [seed * size + index for seed in missing for index in range(size)]
        spread(train_one, networks, request.place.threads)
    for seed in missing:
        numbers = range(seed * size, (seed + 1) * size)
        folders = [request.folder / f"seed-{number}" for number in numbers]
        for number, run in zip(numbers, folders, strict=True):
            if not _carry_out(run, request, number, source, report, should_stop, train):
                return None
        made = _with_seed(made, seed, folders, request)
        records.write(path, made)
        (latest,) = (result for result in made.seeds if result.seed == seed)
        report(
            events.SeedEnd(
                seed=seed,
                accuracy=latest.test.accuracy,
                train_seconds=latest.train_seconds,
                mean=made.mean,
                std=made.std,
                n=made.n,
            )
        )
    return made


def _text(content: bytes, source: Path) -> str:
    """The text of a Python file, in the encoding that it declares. Raises RunError."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as cause:
        way_out = "Save it as UTF-8"
        raise RunError(f"{source}: expected a Python file, but {cause}", way_out) from cause


def _single(recipe: Recipe) -> Recipe:
    """The recipe of one network of an ensemble."""
    evaluation: Evaluation = replace(recipe.evaluation, ensemble_size=1)
    return replace(recipe, evaluation=evaluation)


def _delete(path: Path, folders: list[Path]) -> None:
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


def _refuse_another(made: Record, request: Request, path: Path) -> None:
    """Raise RunError unless the seeds of a record may stand beside those of the request."""
    evaluation = replace(made.recipe.evaluation, target=request.recipe.evaluation.target)
    before: dict[str, Any] = {  # what a recipe says of itself changes no seed
        "recipe": replace(made.recipe, about=request.recipe.about, evaluation=evaluation),
        "source": made.source,
        "data_sha256": made.data_sha256,
    }
    now: dict[str, Any] = {key: getattr(request, key) for key in before}
    if request.is_timed:
        before |= asdict(made.place)
        now |= asdict(request.place)
    if differing := [key for key in now if before[key] != now[key]]:
        raise RunError(
            f"{path}: expected a record of the same {', '.join(now)}, but {differing[0]} differs",
            "Begin it again with --restart, or write another with --out",
        )


def _carry_out(
    run: Path,
    request: Request,
    seed: int,
    source: Path | None,
    report: Report,
    should_stop: ShouldStop,
    train: Train,
) -> bool:
    """Train one network to its end, unless it has ended. False if it was stopped."""
    if request.is_timed and (run / runs.PLAN).exists():
        place = _place(run, request.place)
        for key, value in asdict(request.place).items():
            if getattr(place, key) != value:
                raise RunError(
                    f"{run}: expected a run of this machine, since time counts, but its {key} "
                    "differs",
                    "Begin the record again with --restart",
                )
    if runs.has_ended(run):
        return True
    if not (run / runs.PLAN).exists():
        loop.create(run, _single(request.recipe), seed, request.place.device, source)
    return train(run, report, should_stop)


def _train_alone(request: Request, folder: Path, source: Path | None, number: int) -> bool:
    """Train one network to its end, in a process of its own, on whatever machine."""
    torch.set_num_threads(request.place.threads)
    here = replace(request, place=Place(**engines.place(request.place.device)))
    run = folder / f"seed-{number}"
    return _carry_out(run, here, number, source, lambda _: None, lambda: False, loop.train)


def _place(run: Path, here: Place) -> Place:
    """Where a run was begun; what runs of before 0.6.0 do not say of it is that of `here`."""
    plan = runs.read_plan(run)
    machine, versions = plan.machine or here.machine, plan.versions or here.versions
    return Place(plan.device, plan.threads, machine, versions)


def _with_seed(made: Record | None, seed: int, folders: list[Path], request: Request) -> Record:
    """The record with one seed more, whose runs have ended."""
    recipe = request.recipe
    splits = data.splits(recipe.dataset, recipe.split)
    places = [_place(folder, request.place) for folder in folders]
    named = made.place if made else places[0]
    elsewhere = {  # of an ensemble, where any of its networks was trained elsewhere
        key: value
        for place in places
        for key, value in asdict(place).items()
        if value != getattr(named, key)
    }
    latest = _measure(seed, folders, splits.test).model_copy(update=elsewhere)
    card = bundle.read(folders[0])[0]
    return Record.of(
        recipe,
        request.source,
        named,
        request.data_sha256,
        sorted([*(made.seeds if made else ()), latest], key=lambda result: result.seed),
        len(splits.train.labels),
        card.parameters,
        card.multiply_adds,
    )


def _measure(seed: int, folders: list[Path], test: Split) -> SeedResult:
    """What one seed came to: one network, or several whose logits are averaged."""
    readers = [Reader.load(run, threads=torch.get_num_threads()) for run in folders]
    cards = [reader.card for reader in readers]
    images = test.images()
    each = [reader.probabilities(images) for reader in readers]
    logs = [np.log(np.maximum(rows, metrics.MIN_PROBABILITY)) for rows in each]
    probabilities = each[0] if len(each) == 1 else softmax(np.mean(logs, axis=0), axis=1)
    dataset, corrected = data.get(cards[0].dataset), None
    if dataset.corrections:
        labels = test.labels.copy()
        labels[list(dataset.corrections)] = list(dataset.corrections.values())
        decided = np.delete(np.arange(len(labels)), dataset.undecided)
        corrected = metrics.measure(probabilities[decided], labels[decided])
    return SeedResult(
        seed=seed,
        test=metrics.measure(probabilities, test.labels),
        validation=cards[0].validation,
        train_seconds=round(sum(card.train_seconds for card in cards), 2),
        temperature=cards[0].temperature,
        commit=", ".join(dict.fromkeys(runs.read_plan(folder).commit for folder in folders)),
        corrected_test=corrected,
    )
