"""A record: what a recipe came to over seeds, each tested once, at its last epoch.

It is one JSON file, results/NAME.json. The figures of all seeds are the mean, not the best.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from inkling import metrics
from inkling.errors import RecipeError, RunError
from inkling.experiments import recipe as recipes
from inkling.experiments.recipe import Recipe
from inkling.files import write_atomically
from inkling.metrics import Measures

Board = Literal["time", "accuracy", "challenge"]
CHALLENGE_EPOCHS = (5, 20, 50)
MIN_TARGET = 99.0  # per cent that a row of the board "time" has to reach
CHOSEN_ON = {
    "standard": "validation: every twelfth training image; trained on the others",
    "tutorial": "validation: the last fifth of the training images; trained on the others",
    "all": "validation: every twelfth training image; then trained on all of them",
}


@dataclass(frozen=True)
class Place:
    """Where a training ran: its seconds depend on this, its accuracy hardly."""

    device: str
    threads: int
    machine: dict[str, Any]  # system.describe(), and a GPU's name
    versions: dict[str, str]  # of Python and the libraries


class SeedResult(BaseModel):
    """What one seed came to: one network, or an ensemble whose logits are averaged."""

    model_config = ConfigDict(frozen=True)

    seed: int
    test: Measures
    validation: Measures | None = None
    train_seconds: float  # of all networks of an ensemble
    temperature: float
    commit: str
    corrected_test: Measures | None = None  # by the catalog's corrections of labels
    device: str | None = None  # this and the next: of a seed that ran elsewhere than the record
    threads: int | None = None
    machine: dict[str, Any] | None = None
    versions: dict[str, str] | None = None

    @property
    def ran_elsewhere(self) -> bool:
        """Whether it ran on another machine, or with other versions, than the record names."""
        return any((self.device, self.threads, self.machine, self.versions))


class Record(BaseModel):
    """The seeds of a recipe, and their figures. Accuracies in per cent."""

    model_config = ConfigDict(frozen=True)

    board: Board | None = None
    recipe: Recipe
    source: str | None = None  # the text of the file of a user's own recipe
    device: str
    threads: int
    machine: dict[str, Any]
    versions: dict[str, str]
    data_sha256: dict[str, str]
    dataset: str
    chosen_on: str
    mean: float
    std: float | None = None  # None of one seed
    interval: tuple[float, float]  # Wilson, 95 %, of the mean over the test images
    n: int  # seeds
    mean_negative_log_likelihood: float
    mean_corrected: float | None = None
    seeds: tuple[SeedResult, ...]
    train_seconds: float  # the median over the seeds that ran where the record names
    images_per_second: int
    epochs: float
    parameters: int
    multiply_adds: int
    commit: str

    @field_validator("recipe", mode="before")
    @classmethod
    def _saved(cls, value: Any) -> Any:
        return recipes.from_saved(value) if isinstance(value, dict) else value

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        source: str | None,
        place: Place,
        data_sha256: dict[str, str],
        seeds: Sequence[SeedResult],
        images: int,
        parameters: int,
        multiply_adds: int,
    ) -> Self:
        """The record of these seeds, whose networks each saw so many training images an epoch."""
        tests = [100 * seed.test.accuracy for seed in seeds]
        mean, n = statistics.mean(tests), seeds[0].test.n
        interval = metrics.wilson(round(mean / 100 * n), n)  # all seeds share these n images
        corrected = [seed.corrected_test.accuracy for seed in seeds if seed.corrected_test]
        here = [seed for seed in seeds if not seed.ran_elsewhere] or seeds
        seconds = statistics.median(seed.train_seconds for seed in here)
        size = recipe.evaluation.ensemble_size
        trained = recipes.steps(recipe, images) * recipe.batch * size
        return cls(
            board=board_of(recipe),
            recipe=recipe,
            source=source,
            device=place.device,
            threads=place.threads,
            machine=place.machine,
            versions=place.versions,
            data_sha256=data_sha256,
            dataset=recipe.dataset,
            chosen_on=CHOSEN_ON[recipe.split],
            mean=round(mean, 4),
            std=round(statistics.stdev(tests), 4) if len(tests) > 1 else None,
            interval=(round(100 * interval[0], 4), round(100 * interval[1], 4)),
            n=len(seeds),
            mean_negative_log_likelihood=round(
                statistics.mean(seed.test.negative_log_likelihood for seed in seeds), 6
            ),
            mean_corrected=round(100 * statistics.mean(corrected), 4) if corrected else None,
            seeds=tuple(sorted(seeds, key=lambda seed: seed.seed)),
            train_seconds=round(seconds, 2),
            images_per_second=round(trained / seconds),
            epochs=recipe.epochs,
            parameters=parameters * size,
            multiply_adds=multiply_adds * size,
            commit=", ".join(dict.fromkeys(seed.commit for seed in seeds)),
        )

    @property
    def place(self) -> Place:
        """Where its seeds ran, unless they say otherwise."""
        return Place(self.device, self.threads, self.machine, self.versions)

    def missing(self, seeds: int) -> list[int]:
        """Which of the seeds 0 to `seeds` - 1 it does not hold."""
        return sorted(set(range(seeds)) - {seed.seed for seed in self.seeds})


def board_of(recipe: Recipe) -> Board | None:
    """The board that a recipe is measured for; None if its data set has none."""
    if recipe.dataset == "mnist":
        return "time" if recipe.evaluation.target >= MIN_TARGET else "accuracy"
    entered = recipe.dataset == "fashion-mnist" and recipe.epochs in CHALLENGE_EPOCHS
    return "challenge" if entered else None


def read(path: Path) -> Record | None:
    """The record of a file, or None if the file holds something else. Raises RunError."""
    try:
        values: Any = json.loads(path.read_bytes())
    except (OSError, ValueError) as cause:
        raise _unfit(path, "cannot be read as JSON") from cause
    if not isinstance(values, dict) or "seeds" not in values:
        return None
    try:
        return Record.model_validate(values)
    except RecipeError as cause:
        raise _unfit(path, f"is of no recipe: {cause.error}") from cause
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        why = f"has no {where}" if first["type"] == "missing" else f"{where}: {first['msg']}"
        raise _unfit(path, why) from cause


def write(path: Path, record: Record) -> None:
    """Write a record's file. Raises RunError."""
    write_file(path, record.model_dump_json(indent=2, exclude_none=True).encode() + b"\n")


def write_file(path: Path, content: bytes) -> None:
    """Write a file of a record, and the folders it lies in. Raises RunError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as cause:
        raise RunError(
            f"{path}: expected a file to write to, but {cause.strerror}",
            "The runs are saved: name another file with --out",
        ) from cause


def _unfit(path: Path, why: str) -> RunError:
    return RunError(
        f"{path}: expected a record, but it {why}",
        "Move it away, or take it again with: inkling record",
    )
