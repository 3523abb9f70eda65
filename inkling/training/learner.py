"""A network in training, with the data it learns from: which images a step takes, and how.

Nothing random has a state to save: order and augmentation come from Generators seeded by
(seed, purpose, epoch or step).
"""

import dataclasses
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor

from inkling import data, metrics
from inkling.augmentation import handwriting, outliers, strokes
from inkling.augmentation.corruptions import corrupt
from inkling.augmentation.warp import augment
from inkling.data import Item, Split, Splits
from inkling.errors import RunError
from inkling.experiments import recipe as recipes
from inkling.experiments.recipe import Recipe
from inkling.experiments.runs import SOURCE, Plan
from inkling.networks import architectures
from inkling.training import engines
from inkling.training.engines import AUGMENTATION, FLIPS, NO_CLASS, ORDER, SYNTHETIC, Engine
from inkling.training.group import ALONE, Group

LAST_CORRUPTIONS = 1 / 3  # of a recipe's share, to which it falls: the last batches are cleaner
HANDWRITING, OUTLIERS = 30_000, 10_000  # synthetic images, at most
NO_STROKES = {"real_digits": 0.0, "real_outliers": 0.0}  # of an augmentation without any
RENDERINGS, OUTLIER_RENDERINGS = 8, 3  # of each item of pen strokes, varied each time


@dataclasses.dataclass
class Progress:
    """How far a run is: all that a checkpoint holds beside weights and optimizer."""

    step: int = 0
    seconds: float = 0.0  # of training steps alone
    loss_sum: float = 0.0  # over the steps of the running epoch
    right: int = 0  # images of the running epoch read correctly, as augmented


@dataclasses.dataclass(frozen=True)
class Mixed:
    """Images that are mixed into every batch."""

    count: int  # of each batch
    pixels: Tensor  # (N, 1, 28, 28) uint8, on the device, of which a step draws `count`
    labels: Tensor  # (N,) int64, on the device


class Course(ABC):
    """A training as the loop sees it: steps in epochs, an engine, and what validates."""

    recipe: Recipe
    seed: int
    progress: Progress
    engine: engines.Kept
    group: Group

    @property
    @abstractmethod
    def examples(self) -> int:
        """Images or lines of an epoch."""

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch."""
        return self.examples // self.recipe.batch

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return recipes.steps(self.recipe, self.examples)

    @property
    def epoch(self) -> int:
        """The running epoch, from 0 on."""
        return self.progress.step // self.steps_per_epoch

    @property
    def device(self) -> str:
        """Where it trains."""
        return next(self.engine.network().parameters()).device.type

    @abstractmethod
    def validate(self) -> tuple[float, float] | None:
        """Loss and accuracy on what nothing was trained on; None where there is nothing."""

    @abstractmethod
    def start_epoch(self) -> Callable[[], int]:
        """What takes the next steps of the running epoch, and gives how many of it are left."""

    def took(self, steps: int, loss: float, right: int) -> None:
        """Count steps, with the sum of their losses. Raises RunError at an infinite one."""
        loss, all_right = self.group.total(loss / self.group.size, right)
        right = int(all_right)
        self.progress.loss_sum += loss
        self.progress.right += right
        self.progress.step += steps
        if not math.isfinite(loss):
            rate = self.recipe.optimizer.learning_rate / 10
            raise RunError(
                f"Expected a finite loss, got {loss} by step {self.progress.step:,}",
                f"Train again at a smaller rate: --set learning_rate={rate:g}",
            )


@dataclasses.dataclass
class Learner(Course):
    """A network in training, with all that it learns from."""

    recipe: Recipe
    seed: int
    pixels: Tensor  # (N, C, H, W) uint8, on the device
    labels: Tensor  # (N,) int64, on the device
    engine: Engine
    mixed: list[Mixed]
    validation: Split | None = None
    progress: Progress = dataclasses.field(default_factory=Progress)
    group: Group = ALONE

    @property
    def examples(self) -> int:
        """Images in the data set."""
        return len(self.labels)

    def validate(self) -> tuple[float, float] | None:
        """See Course."""
        if not self.validation:
            return None
        views = self.recipe.evaluation.test_time_augmentation
        network = architectures.Averaged(self.engine.network(), views)
        logits = engines.compute_logits(network, self.validation.pixels)
        measures = metrics.measure(softmax(logits, axis=1), self.validation.labels)
        return measures.negative_log_likelihood, measures.accuracy

    def start_epoch(self) -> Callable[[], int]:
        """See Course. The order of an epoch is drawn once: a run resumed within it goes on."""
        epoch, device = self.epoch, self.pixels.device
        rng = engines.generator(self.seed, ORDER, epoch)
        order = torch.randperm(len(self.labels), generator=rng).to(device)
        flipped = self._flipped(epoch)
        end = min(self.steps, (epoch + 1) * self.steps_per_epoch)

        def learn() -> int:
            steps = min(self.engine.steps_at_once, end - self.progress.step)
            first = (self.progress.step - epoch * self.steps_per_epoch) * self.recipe.batch
            self._learn(order[first:][: steps * self.recipe.batch], flipped)
            return end - self.progress.step

        return learn

    def _learn(self, chosen: Tensor, flipped: Tensor | None) -> None:
        """Learn from the images of these indexes, a step a batch. RunError at an infinite loss."""
        recipe, progress, device = self.recipe, self.progress, self.pixels.device
        steps = range(progress.step, progress.step + len(chosen) // recipe.batch)
        if progress.step >= recipe.freeze * self.steps:
            self.engine.freeze()
        rank, size = self.group.rank, self.group.size
        rng = engines.generator(self.seed, AUGMENTATION, progress.step * size + rank, device.type)
        chosen = chosen[len(chosen) * rank // size : len(chosen) * (rank + 1) // size]
        pixels, labels = self.pixels[chosen], self.labels[chosen]
        for mixed in self.mixed:
            drawn = torch.randint(len(mixed.labels), (mixed.count,), generator=rng, device=device)
            pixels = torch.cat([pixels, mixed.pixels[drawn]])
            labels = torch.cat([labels, mixed.labels[drawn]])
        images = pixels.float() / 255
        if flipped is not None:  # what is mixed in is not flipped
            flipped = F.pad(flipped[chosen], (0, len(pixels) - len(chosen)))
        images = augment(images, recipe.augmentation, rng, flipped)
        if share := recipe.augmentation.corruptions:
            fallen = (1 - LAST_CORRUPTIONS) * progress.step / self.steps
            images = corrupt(images, share * (1 - fallen), rng)
        rates = [recipes.learning_rate(recipe, step, self.steps) for step in steps]
        loss, right = self.engine.learn(images, labels, rates, rng)
        self.took(len(steps), loss, right)

    def _flipped(self, epoch: int) -> Tensor | None:
        """Which images `(N,)` an epoch mirrors; None if each step draws them.

        "alternate": a share drawn at random, and in every second epoch the others, so that an
        image is seen from both sides as often as can be. Source: Jordan 2024, airbench.
        """
        augmentation = self.recipe.augmentation
        if not augmentation.flip or augmentation.flip_mode == "random":
            return None
        rng = engines.generator(self.seed, FLIPS, 0)
        first = torch.rand(len(self.labels), generator=rng) < augmentation.flip
        return (first if epoch % 2 == 0 else ~first).to(self.labels.device)


def prepare(run: Path, plan: Plan, splits: Splits, group: Group = ALONE) -> Learner:
    """A fresh network, and the data set whole on its device. Raises RecipeError, RunError."""
    hint = f"Resume it on a machine with {plan.device}, or train again"
    recipe, device = plan.recipe, engines.choose_device(plan.device, plan.recipe, hint)
    dataset, train = data.get(recipe.dataset), splits.train
    classes = len(dataset.classes)
    share = dataclasses.replace(recipe, batch=recipe.batch // group.size)
    return Learner(
        recipe,
        plan.seed,
        shared(train.pixels).to(device),
        torch.tensor(train.labels, device=device, dtype=torch.int64),
        engines.build(share, classes, plan.seed, device, run / SOURCE, group, dataset.shape),
        mixtures(share, plan.seed, train, device),
        splits.validation,
        group=group,
    )


def shared(pixels: NDArray[np.uint8]) -> Tensor:
    """The pixels of a data set as a tensor, which is only read: on the CPU, the same memory."""
    with warnings.catch_warnings():  # PyTorch warns of an array that is read-only
        warnings.simplefilter("ignore")
        return torch.from_numpy(pixels)


def mixtures(
    recipe: Recipe, seed: int, train: Split, device: str, share: float = 1.0
) -> list[Mixed]:
    """What the recipe mixes into each batch: synthetic and real digits, and outliers.

    The images are generated once per run; of each kind, this share of the usual number. Raises
    DataError where pen strokes are not here.
    """
    augmentation = recipe.augmentation
    rng = np.random.default_rng(np.random.SeedSequence([seed, SYNTHETIC]))
    digits, others = strokes_of(recipe)

    def number(usual: int) -> int:
        return math.ceil(share * min(usual, len(train.labels)))

    def mixed(wanted: float, pixels: np.ndarray, labels: np.ndarray) -> Mixed:
        count = round(wanted * recipe.batch)
        return Mixed(
            count, torch.tensor(pixels, device=device), torch.tensor(labels, device=device)
        )

    found = []
    if wanted := augmentation.handwriting:
        found.append(mixed(wanted, *handwriting.make(number(HANDWRITING), rng)))
    if wanted := augmentation.outliers:
        count = number(OUTLIERS)
        strange = outliers.make(train.pixels, train.labels, count, rng)
        found.append(mixed(wanted, strange, np.full(count, NO_CLASS)))
    if wanted := augmentation.real_digits:
        count = math.ceil(share * RENDERINGS * len(digits))
        pixels, chosen = strokes.make(digits, count, rng)
        labels = np.array([int(item.label) for item in digits])[chosen]
        found.append(mixed(wanted, pixels, labels))
    if wanted := augmentation.real_outliers:
        count = math.ceil(share * OUTLIER_RENDERINGS * len(others))
        pixels = outliers.written(others, digits, count, rng)
        found.append(mixed(wanted, pixels, np.full(count, NO_CLASS)))
    return found


def strokes_of(recipe: Recipe) -> tuple[list[Item], list[Item]]:
    """The digits, and the clear letters and signs, of the data sets of strokes that it mixes in.

    Raises DataError where they are not here, or may not be trained on.
    """
    digits: list[Item] = []
    others: list[Item] = []
    for part, found in stroke_files(recipe):
        if part.startswith("digits"):
            digits += data.without_wrong(found)
        elif not part.startswith("numbers"):
            others += (item for item in found if not outliers.is_like_a_digit(item.label))
    return digits, others


def stroke_files(recipe: Recipe) -> Iterator[tuple[str, Sequence[Item]]]:
    """The items of each file of pen strokes that a recipe trains on, with its name.

    Raises DataError where they are not here, or may not be trained on.
    """
    for name in mixed_datasets(recipe):
        dataset = data.get(name)
        for part in data.to_train_on(dataset):
            yield part, data.items(dataset, part)


def without_missing(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """The recipe with those of its data sets of strokes that are here, and the names of the others.

    So that one command trains on a machine that has none, with synthetic digits alone.
    """
    wanted = mixed_datasets(recipe)
    missing = [name for name in wanted if not data.is_here(data.get(name))]
    if not missing:
        return recipe, []
    here = ",".join(name for name in wanted if name not in missing)
    changes: dict[str, Any] = {"stroke_datasets": here} if here or recipe.lines else NO_STROKES
    return dataclasses.replace(
        recipe, augmentation=dataclasses.replace(recipe.augmentation, **changes)
    ), missing


def mixed_datasets(recipe: Recipe) -> list[str]:
    """The names of the data sets of strokes that a recipe mixes in."""
    augmentation = recipe.augmentation
    if not (augmentation.real_digits or augmentation.real_outliers or recipe.lines):
        return []
    return [name for name in augmentation.stroke_datasets.split(",") if name]
