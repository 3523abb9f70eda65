"""The training loop: from a recipe and a seed to a run, and at its end a bundle.

Nothing random has a state to save: order and augmentation come from Generators seeded by
(seed, purpose, epoch or step), so that a run stopped and resumed ends in the very weights of
an unbroken one (on a CPU, with as many threads). Pattern: fastai miniai, training.py `fit`.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inkling import data, metrics, system
from inkling.augmentation import handwriting, outliers
from inkling.data import catalog
from inkling.experiments import events, recipes, runs
from inkling.networks import architectures, custom
from inkling.reading import bundle
from inkling.training import checkpoint, engines, export
from inkling.augmentation.warp import augment
from inkling.augmentation.corruptions import degrade
from inkling.training.engines import AUGMENTATION, MADE, NO_CLASS, ORDER, SIDES, Engine, generator
from inkling.errors import RecipeError, RunError
from inkling.experiments.events import Event
from inkling.training.snapshots import Looks
from inkling.experiments.recipes import Recipe

Report = Callable[[Event], None]
ShouldStop = Callable[[], bool]

SECONDS_A_PROGRESS = 0.25
DEGRADED_AT_LAST = 1 / 3  # of a recipe's share, to which it falls: clean digits get the last word
MADE_IMAGES = 8_000  # of other hands, and as many of what is no digit


@dataclasses.dataclass
class Progress:
    """How far a run is: all that a checkpoint holds beside weights and optimizer."""

    step: int = 0
    seconds: float = 0.0  # of training steps alone
    loss_sum: float = 0.0  # over the steps of the running epoch
    right: int = 0  # images of the running epoch read rightly, as augmented


@dataclasses.dataclass
class Learner:
    """A network in training, with all that it learns from."""

    recipe: Recipe
    seed: int
    pixels: Tensor  # (N, 1, 28, 28) uint8, on the device
    labels: Tensor  # (N,) int64, on the device
    engine: Engine
    progress: Progress
    beside: list[tuple[int, Tensor, Tensor]]  # of each batch: how many, of which pixels, labels

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the data set."""
        return len(self.labels) // self.recipe.batch

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return recipes.steps(self.recipe, len(self.labels))


def create(
    run: Path, recipe: Recipe, seed: int, device: str | None = None, source: Path | None = None
) -> None:
    """Make the folder of a new run, once its data are here; `train` then carries it out.

    `device` is "cpu", "cuda" or "mps"; without it, the best one this machine has. `source` is
    the file of a recipe of one's own. Raises RunError, RecipeError, DataError.
    """
    if recipe.members > 1:
        raise RunError(
            f"{recipe.name}: expected one network to train, got {recipe.members} members",
            f"Train them all, and read with them together: inkling record {recipe.name}",
        )
    dataset = catalog.get(recipe.dataset)
    images = len(data.splits(recipe.dataset, recipe.split).train.labels)
    if recipe.batch > images:
        raise RunError(
            f"Expected a batch of at most {images:,} images, got {recipe.batch:,}",
            "Set a smaller one: --set batch=64",
        )
    if recipe.model == "own" and source:
        network = custom.build(source, len(dataset.classes), torch.Generator().manual_seed(seed))
        with custom.told(source, "gives a graph"):  # now, not when all is trained
            export.to_onnx(architectures.Views(network, recipe.views), recipe.temperature)
    if (recipe.hands or recipe.outliers) and dataset.frame != "digit":
        raise RecipeError(
            f"Expected a data set of digits for hands and outliers, got {recipe.dataset}",
            "Train without them: --set hands=0 --set outliers=0",
        )
    plan = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        **engines.place(engines.choose_device(device, recipe)),
        "commit": system.commit(),
    }
    checkpoint.create(run, plan, source)


def train(run: Path, report: Report, should_stop: ShouldStop = lambda: False) -> bool:
    """Carry a run on, from its checkpoint if it has one, to its bundle.

    `report` gets each event, which also goes to events.jsonl. `should_stop` is asked after
    every step; when it says so, the run is saved. True if the run came to its end.
    """
    if (run / bundle.IN_A_RUN / bundle.CARD).exists():
        raise RunError(
            f"{run}: expected a run to carry on, but it has ended",
            f"Its bundle is {run / bundle.IN_A_RUN}",
        )
    plan = runs.read_plan(run)
    with runs.held(run):
        return _train(run, plan, report, should_stop)


def _train(run: Path, plan: dict[str, Any], report: Report, should_stop: ShouldStop) -> bool:
    torch.set_num_threads(plan["threads"])
    recipe = recipes.from_card(plan["recipe"])
    splits = data.splits(recipe.dataset, recipe.split)
    learner = _learner(run, plan, recipe, splits.train)
    state = checkpoint.read(run, learner.engine.load)
    if state:
        learner.progress = _progress(state, run)

    def tell(event: Event) -> None:
        events.append(run, event)
        report(event)

    tell(_start_event(run, learner))
    looks = Looks(run, splits.validation or splits.train)
    if not fit(learner, run, splits.validation, tell, should_stop, looks):
        tell({"event": "stopped", "run": str(run), "step": learner.progress.step})
        return False
    folder, seconds = run / bundle.IN_A_RUN, learner.progress.seconds
    network = learner.engine.network()
    card = export.write_bundle(folder, network, recipe, learner.seed, splits, seconds)
    tell(_end_event(run, card))
    return True


def _progress(state: dict[str, Any], run: Path) -> Progress:
    try:
        return Progress(**state)
    except TypeError as cause:
        raise RunError(
            f"{run}: expected a checkpoint of this version, but {cause}",
            "Carry it on with the version of Inkling that began it, or train anew",
        ) from cause


def _learner(run: Path, plan: dict[str, Any], recipe: Recipe, split: data.Split) -> Learner:
    """A fresh network, and the data set whole on its device. Raises RecipeError, RunError."""
    seed, device = plan["seed"], engines.choose_device(plan["device"], recipe)
    classes = len(catalog.get(recipe.dataset).classes)
    engine = engines.build(recipe, classes, seed, device, run / checkpoint.SOURCE)
    pixels = torch.tensor(split.pixels, device=device)
    labels = torch.tensor(split.labels, device=device, dtype=torch.int64)
    beside = made(recipe, seed, split, MADE_IMAGES, device)
    return Learner(recipe, seed, pixels, labels, engine, Progress(), beside)


def made(
    recipe: Recipe, seed: int, split: data.Split, most: int, device: str
) -> list[tuple[int, Tensor, Tensor]]:
    """What is made for a training, at most so many images of a kind; see Learner.beside."""
    chance = np.random.default_rng(np.random.SeedSequence([seed, MADE]))
    number = min(most, len(split.labels))

    def beside(share: float, pixels: np.ndarray, labels: np.ndarray) -> tuple[int, Tensor, Tensor]:
        count = round(share * recipe.batch)
        return count, torch.tensor(pixels, device=device), torch.tensor(labels, device=device)

    found = []
    if recipe.hands:
        found.append(beside(recipe.hands, *handwriting.make(number, chance)))
    if recipe.outliers:
        strange = outliers.make(split.pixels, split.labels, number, chance)
        found.append(beside(recipe.outliers, strange, np.full(number, NO_CLASS)))
    return found


def fit(
    learner: Learner,
    run: Path,
    validation: data.Split | None,
    tell: Report,
    should_stop: ShouldStop,
    looks: Looks | None = None,
) -> bool:
    """Train to the last step, saving at each epoch's end. False if it was stopped before."""
    progress, told = learner.progress, time.perf_counter()
    while progress.step < learner.steps:
        began = time.perf_counter()
        epoch, first = divmod(progress.step, learner.steps_per_epoch)
        end = min(learner.steps_per_epoch, learner.steps - epoch * learner.steps_per_epoch)
        shuffled = torch.randperm(
            len(learner.labels), generator=generator(learner.seed, ORDER, epoch)
        )
        order, batch = shuffled.to(learner.pixels.device), learner.recipe.batch
        flipped = _flipped(learner, epoch)
        for index in range(first, end, learner.engine.steps_at_once):
            if progress.step and should_stop():
                _save(learner, run)
                return False
            steps = min(learner.engine.steps_at_once, end - index)
            _learn(learner, order[index * batch :][: steps * batch], flipped)
            now = time.perf_counter()
            progress.seconds += now - began
            if now - told > SECONDS_A_PROGRESS:
                told = now
                tell(_progress_event(learner, epoch, index + steps))
                if looks:
                    looks.look(learner.engine.network(), progress.step)
            began = time.perf_counter()
        tell(_epoch_event(learner, epoch, end, validation))
        if looks:
            looks.look(
                learner.engine.network(), progress.step, at_once=progress.step == learner.steps
            )
        progress.loss_sum, progress.right = 0.0, 0
        _save(learner, run)
    return True


def _learn(learner: Learner, chosen: Tensor, flipped: Tensor | None) -> None:
    """Learn from the images of these indexes, a step a batch. RunError at an infinite loss."""
    recipe, progress, device = learner.recipe, learner.progress, learner.pixels.device
    if progress.step >= recipe.freeze * learner.steps:
        learner.engine.freeze()
    chance = generator(learner.seed, AUGMENTATION, progress.step, device.type)
    pixels, labels = learner.pixels[chosen], learner.labels[chosen]
    for count, made, of_made in learner.beside:
        some = torch.randint(len(made), (count,), generator=chance, device=device)
        pixels, labels = torch.cat([pixels, made[some]]), torch.cat([labels, of_made[some]])
    images = pixels.float() / 255
    if flipped is not None:  # of what is made beside the batch, nothing is
        flipped = F.pad(flipped[chosen], (0, len(pixels) - len(chosen)))
    images = augment(images, recipe, chance, flipped)
    if recipe.degraded:
        fallen = (1 - DEGRADED_AT_LAST) * progress.step / learner.steps
        images = degrade(images, recipe.degraded * (1 - fallen), chance)
    steps = range(progress.step, progress.step + len(chosen) // recipe.batch)
    rates = [recipes.learning_rate(recipe, step, learner.steps) for step in steps]
    loss, right = learner.engine.learn(images, labels, rates, chance)
    progress.loss_sum += loss
    progress.right += right
    progress.step = steps.stop
    if not math.isfinite(loss):
        raise RunError(
            f"Expected a finite loss, got {loss} by step {progress.step:,}",
            f"Train anew at a smaller rate: --set learning_rate={recipe.learning_rate / 10:g}",
        )


def _flipped(learner: Learner, epoch: int) -> Tensor | None:
    """Which images `(N,)` an epoch mirrors; None if that is left to chance.

    A share of them by chance, and in every second epoch the others: an image is seen from both
    sides as often as can be. Source: Jordan 2024, airbench.
    """
    if not learner.recipe.flip or learner.recipe.flips == "chance":
        return None
    chance = generator(learner.seed, SIDES, 0)
    first = torch.rand(len(learner.labels), generator=chance) < learner.recipe.flip
    return (first if epoch % 2 == 0 else ~first).to(learner.labels.device)


def _save(learner: Learner, run: Path) -> None:
    checkpoint.write(run, learner.engine.tensors(), dataclasses.asdict(learner.progress))


def _start_event(run: Path, learner: Learner) -> Event:
    return {
        "event": "start",
        "run": str(run),
        "recipe": learner.recipe.name,
        "dataset": learner.recipe.dataset,
        "seed": learner.seed,
        "device": learner.pixels.device.type,
        "threads": torch.get_num_threads(),
        "parameters": architectures.count_parameters(learner.engine.network()),
        "epochs": math.ceil(learner.recipe.epochs),
        "steps_per_epoch": learner.steps_per_epoch,
        "step": learner.progress.step,
    }


def _progress_event(learner: Learner, epoch: int, steps: int) -> Event:
    progress, batch = learner.progress, learner.recipe.batch
    return {
        "event": "progress",
        "epoch": epoch + 1,
        "step": steps,  # of the epoch
        "loss": progress.loss_sum / steps,
        "accuracy": progress.right / (steps * batch),
        "images_per_second": progress.step * batch / progress.seconds,
        "seconds_left": progress.seconds / progress.step * (learner.steps - progress.step),
    }


def _epoch_event(learner: Learner, epoch: int, steps: int, validation: data.Split | None) -> Event:
    event = {
        "event": "epoch",
        "epoch": epoch + 1,
        "loss": learner.progress.loss_sum / steps,
        "accuracy": learner.progress.right / (steps * learner.recipe.batch),
        "seconds": learner.progress.seconds,  # of training, since the run began
    }
    if validation:
        model = architectures.Views(learner.engine.network(), learner.recipe.views)
        logits = export.compute_logits(model, validation.images())
        measures = metrics.measure(metrics.softmax(logits), validation.labels)
        event["validation_loss"] = measures.negative_log_likelihood
        event["validation_accuracy"] = measures.accuracy
    return event


def _end_event(run: Path, card: bundle.Card) -> Event:
    return {
        "event": "end",
        "bundle": str(run / bundle.IN_A_RUN),
        "train_seconds": card.train_seconds,
        "temperature": card.temperature,
        "validation": dataclasses.asdict(card.validation) if card.validation else None,
        "test": dataclasses.asdict(card.test),
    }
