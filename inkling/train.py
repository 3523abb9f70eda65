"""The training loop: from a recipe and a seed to a run, and at its end a bundle.

Nothing random has a state to save: order and augmentation come from Generators seeded by
(seed, purpose, epoch or step), so that a run stopped and resumed ends in the very weights of
an unbroken one (on a CPU, with as many threads). Pattern: fastai miniai, training.py `fit`.
"""

import ctypes
import dataclasses
import math
import platform
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from inkling import (
    bundle,
    catalog,
    checkpoint,
    data,
    evaluate,
    export,
    machine,
    models,
    own,
    recipes,
)
from inkling.augment import augment
from inkling.errors import RecipeError, RunError
from inkling.recipes import Recipe

Event = dict[str, Any]
Report = Callable[[Event], None]
ShouldStop = Callable[[], bool]

WEIGHTS, ORDER, AUGMENTATION = range(3)  # the purposes of a Generator
SECONDS_A_PROGRESS = 0.25


@dataclasses.dataclass
class Progress:
    """How far a run is: all that a checkpoint holds beside weights and optimizer."""

    step: int = 0
    seconds: float = 0.0  # of training steps alone
    loss_sum: float = 0.0  # over the steps of the running epoch
    right: int = 0  # images of the running epoch read rightly, as augmented


@dataclasses.dataclass
class Learner:
    """A network in training, with all that one step needs."""

    recipe: Recipe
    seed: int
    pixels: Tensor  # (N, 1, 28, 28) uint8, on the device
    labels: Tensor  # (N,) int64, on the device
    model: nn.Module
    optimizer: torch.optim.Optimizer
    progress: Progress

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the data set."""
        return len(self.labels) // self.recipe.batch

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return max(1, round(self.recipe.epochs * self.steps_per_epoch))


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
    images = len(data.splits(recipe.dataset, recipe.split).train.labels)
    if recipe.batch > images:
        raise RunError(
            f"Expected a batch of at most {images:,} images, got {recipe.batch:,}",
            "Set a smaller one: --set batch=64",
        )
    plan = {
        "recipe": dataclasses.asdict(recipe),
        "seed": seed,
        "device": choose_device(device),
        "threads": torch.get_num_threads(),
        "commit": machine.commit(),
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
    plan = checkpoint.read_plan(run)
    torch.set_num_threads(plan["threads"])
    recipe = recipes.from_card(plan["recipe"])
    splits = data.splits(recipe.dataset, recipe.split)
    network = _network(run, recipe, plan["seed"])
    learner = _learner(recipe, plan["seed"], network, choose_device(plan["device"]), splits.train)
    state = checkpoint.read(run, learner.model, learner.optimizer)
    if state:
        learner.progress = _progress(state, run)

    def tell(event: Event) -> None:
        checkpoint.append_event(run, event)
        report(event)

    tell(_start_event(run, learner))
    if not _fit(learner, run, splits.validation, tell, should_stop):
        tell({"event": "stopped", "run": str(run), "step": learner.progress.step})
        return False
    folder, seconds = run / bundle.IN_A_RUN, learner.progress.seconds
    card = export.write_bundle(folder, learner.model, recipe, learner.seed, splits, seconds)
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


def choose_device(named: str | None) -> str:
    """The named device if it is here, else the best that is: cuda, mps or cpu."""
    here = [
        *(["cuda"] if torch.cuda.is_available() else []),
        *(["mps"] if torch.backends.mps.is_available() else []),
        "cpu",
    ]
    if named is not None and named not in here:
        raise RunError(
            f"Expected a device that is here ({', '.join(here)}), got {named!r}",
            "Leave --device out to take the best one",
        )
    return named or here[0]


def _network(run: Path, recipe: Recipe, seed: int) -> nn.Module:
    """The recipe's network with fresh weights. Raises RecipeError."""
    classes, chance = len(catalog.get(recipe.dataset).classes), generator(seed, WEIGHTS, 0)
    if recipe.model == "own":
        model = own.build(run / checkpoint.SOURCE, classes, chance)
    else:
        model = models.build(recipe.model, classes, chance)
    if recipe.freeze < 1 and not hasattr(model, "stem"):
        raise RecipeError(
            f"{recipe.name}: expected a network with a stem to freeze, {recipe.model} has none",
            "Train all of it: --set freeze=1",
        )
    return model


def _learner(
    recipe: Recipe, seed: int, network: nn.Module, device: str, split: data.Split
) -> Learner:
    """A fresh optimizer for the network, and the data set whole on the device."""
    if device == "cpu":
        keep_freed_memory()
    model = network.to(device)
    optimizer = _optimizer(recipe, model)
    pixels = torch.tensor(split.pixels, device=device)
    labels = torch.tensor(split.labels, device=device, dtype=torch.int64)
    return Learner(recipe, seed, pixels, labels, model, optimizer, Progress())


def _optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Its learning rate is set anew at each step."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
    return torch.optim.AdamW(
        model.parameters(),
        betas=(recipe.momentum, recipe.second_momentum),
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def keep_freed_memory() -> None:
    """Have glibc keep what is freed: a step then takes no page faults, and a quarter less time.

    The numbers are malloc.h's M_MMAP_THRESHOLD, at its maximum, and M_TRIM_THRESHOLD. Where
    there is no mallopt, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if platform.system() == "Linux" else None
    if mallopt is not None:
        mallopt(-3, 32 << 20)
        mallopt(-1, 2**31 - 1)


def generator(seed: int, purpose: int, index: int, device: str = "cpu") -> Generator:
    """A Generator of its own for each (seed, purpose, epoch or step)."""
    made = Generator(device)
    (state,) = np.random.SeedSequence([seed, purpose, index]).generate_state(1)
    made.manual_seed(int(state))
    return made


def precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 autocast if the recipe wants it and the processor has it; else nothing."""
    if device.type == "cuda":
        here = torch.cuda.is_bf16_supported()
    else:  # without instructions of its own, bfloat16 is slower than float32
        here = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    wanted = recipe.precision == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=here and wanted)


def _fit(
    learner: Learner,
    run: Path,
    validation: data.Split | None,
    tell: Report,
    should_stop: ShouldStop,
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
        order = shuffled.to(learner.pixels.device)
        learner.model.train()
        for index in range(first, end):
            if progress.step and should_stop():
                _save(learner, run)
                return False
            _step(learner, order[index * learner.recipe.batch :][: learner.recipe.batch])
            now = time.perf_counter()
            progress.seconds += now - began
            if now - told > SECONDS_A_PROGRESS:
                told = now
                tell(_progress_event(learner, epoch, index + 1))
            began = time.perf_counter()
        tell(_epoch_event(learner, epoch, end, validation))
        progress.loss_sum, progress.right = 0.0, 0
        _save(learner, run)
    return True


def _step(learner: Learner, batch: Tensor) -> None:
    """Learn from the images of one batch of indexes. Raises RunError if the loss is not finite."""
    recipe, progress, device = learner.recipe, learner.progress, learner.pixels.device
    if progress.step >= recipe.freeze * learner.steps:
        learner.model.get_submodule("stem").requires_grad_(False).eval()
    chance = generator(learner.seed, AUGMENTATION, progress.step, device.type)
    images = augment(learner.pixels[batch].float() / 255, recipe, chance)
    labels = learner.labels[batch]
    for group in learner.optimizer.param_groups:
        group["lr"] = recipes.learning_rate(recipe, progress.step, learner.steps)
    with precision(recipe, device):
        logits = learner.model(images.to(memory_format=torch.channels_last)).float()
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    learner.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
    learner.optimizer.step()
    progress.loss_sum += loss.item()
    progress.right += int((logits.argmax(1) == labels).sum())
    progress.step += 1
    if not math.isfinite(progress.loss_sum):
        raise RunError(
            f"Expected a finite loss, got {loss.item()} at step {progress.step:,}",
            f"Train anew at a smaller rate: --set learning_rate={recipe.learning_rate / 10:g}",
        )


def _save(learner: Learner, run: Path) -> None:
    state = dataclasses.asdict(learner.progress)
    checkpoint.write(run, learner.model, learner.optimizer, state)


def _start_event(run: Path, learner: Learner) -> Event:
    return {
        "event": "start",
        "run": str(run),
        "recipe": learner.recipe.name,
        "dataset": learner.recipe.dataset,
        "seed": learner.seed,
        "device": learner.pixels.device.type,
        "threads": torch.get_num_threads(),
        "parameters": models.count_parameters(learner.model),
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
        model = models.Views(learner.model, learner.recipe.views)
        logits = export.compute_logits(model, validation.images())
        measures = evaluate.measure(evaluate.softmax(logits), validation.labels)
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
