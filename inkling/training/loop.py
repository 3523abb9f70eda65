"""The training loop: from a recipe and a seed to a run, and at its end a bundle.

A run stopped and resumed ends in the very weights of an unbroken one, on a CPU with as many
threads. Pattern: fastai miniai, training.py `fit`.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inkling import data, system
from inkling.data import Splits
from inkling.errors import RecipeError, RunError
from inkling.experiments import events, runs
from inkling.experiments.events import Event
from inkling.experiments.recipe import Recipe
from inkling.networks import architectures, custom
from inkling.training import checkpoint, engines, export, learner, line_export, lines
from inkling.training.group import ALONE, Group
from inkling.training.learner import Course, Progress
from inkling.training.lines import LineLearner
from inkling.training.snapshots import Snapshots

Report = Callable[[Event], None]
ShouldStop = Callable[[], bool]
Finish = Callable[[Path, Course, Splits], Event]

SECONDS_A_PROGRESS = 0.25


def create(
    run: Path,
    recipe: Recipe,
    seed: int,
    device: str | None = None,
    source: Path | None = None,
    workers: int = 1,
) -> None:
    """Make the folder of a new run, once its data are here; `train` then carries it out.

    `device` is "cpu", "cuda" or "mps"; without it, the best one this machine has. `source` is
    the file of a user's own recipe. Several `workers` train it together; see
    scale.training.train. Data sets of pen strokes that are not here are left out.
    Raises RunError, RecipeError, DataError.
    """
    recipe, _ = learner.without_missing(recipe)
    architectures.check(recipe.model)
    if recipe.evaluation.ensemble_size > 1:
        raise RunError(
            f"{recipe.name}: expected one network to train, got an ensemble of "
            f"{recipe.evaluation.ensemble_size}",
            f"Train them all, and read with them together: inkling record {recipe.name}",
        )
    if bool(recipe.lines) != (recipe.model in architectures.LINE_MODELS):
        raise RecipeError(
            f"Expected lines with {' or '.join(architectures.LINE_MODELS)} alone, got "
            f"lines={recipe.lines} with {recipe.model}",
            "Set both: --set model=numbers --set lines=30000",
        )
    Group(size=workers).check(recipe)
    dataset = data.get(recipe.dataset)
    augmentation = recipe.augmentation
    if (augmentation.handwriting or augmentation.outliers) and dataset.frame != "digit":
        raise RecipeError(
            f"Expected a data set of digits for handwriting and outliers, got {recipe.dataset}",
            "Train without them: --set handwriting=0 --set outliers=0",
        )
    fitting = ("corruptions", "real_digits", "real_outliers")
    if dataset.frame == "picture" and any(getattr(augmentation, key) for key in fitting):
        raise RecipeError(
            f"Expected a data set of ink for corruptions and pen strokes, got {recipe.dataset}",
            f"Train without them: {' '.join(f'--set {key}=0' for key in fitting)}",
        )
    images = recipe.lines or len(data.splits(recipe.dataset, recipe.split).train.labels)
    if recipe.batch > images:
        raise RunError(
            f"Expected a batch of at most {images:,}, the images of an epoch, got {recipe.batch:,}",
            "Set a smaller one: --set batch=64",
        )
    if recipe.model == "custom" and source:
        rng = torch.Generator().manual_seed(seed)
        network = custom.build(source, len(dataset.classes), rng, dataset.shape)
        averaged = architectures.Averaged(network, recipe.evaluation.test_time_augmentation)
        with custom.reported(source, "gives a graph"):  # now, not when all is trained
            export.to_onnx(averaged, recipe.evaluation.temperature, dataset.shape)
    place = engines.place(engines.choose_device(device, recipe))
    place["threads"] = max(1, place["threads"] // workers)  # of each
    plan = runs.Plan(recipe, seed, system.commit(), **place, workers=workers)
    checkpoint.create(run, plan, source)


def write_bundle(run: Path, course: Course, splits: Splits) -> Event:
    """The usual end of a training: export, check and test the network, and write its bundle."""
    seconds, network = course.progress.seconds, course.engine.network()
    write = line_export.write_bundle if isinstance(course, LineLearner) else export.write_bundle
    folder = run / runs.BUNDLE
    card = write(folder, network, course.recipe, course.seed, splits, seconds)
    return events.End(
        bundle=str(folder),
        train_seconds=card.train_seconds,
        temperature=card.temperature,
        validation=card.validation,
        test=card.test,
    )


def train(
    run: Path,
    report: Report,
    should_stop: ShouldStop = lambda: False,
    finish: Finish = write_bundle,
) -> bool:
    """Carry a run on, from its checkpoint if it has one, to its end. True if it came to it.

    `report` gets each event, which also goes to events.jsonl. `should_stop` is called after
    every step; when it is true, the run is saved. `finish` is what happens at the end.
    Raises RunError.
    """
    plan = planned(run)
    if plan.workers > 1:
        raise RunError(
            f"{run}: expected a run of one process, got one of {plan.workers}",
            f"Carry it on with: inkling train --resume {run}",
        )
    with runs.held(run):
        return carry_on(run, plan, report, should_stop, finish)


def planned(run: Path) -> runs.Plan:
    """The plan of a run that can be carried on. Raises RunError."""
    if runs.has_ended(run):
        raise RunError(
            f"{run}: expected a run to carry on, but it has ended",
            f"Its bundle is {run / runs.BUNDLE}",
        )
    plan = runs.read_plan(run)
    if plan.kind != "training":
        raise RunError(
            f"{run}: expected a training, but it is a fine-tuning, which cannot be resumed",
            "Start another with: inkling teach",
        )
    return plan


def carry_on(
    run: Path,
    plan: runs.Plan,
    report: Report,
    should_stop: ShouldStop,
    finish: Finish = write_bundle,
    group: Group = ALONE,
) -> bool:
    """What `train` does, in each process of a group; somebody holds the run."""
    torch.set_num_threads(plan.threads)
    splits = data.splits(plan.recipe.dataset, plan.recipe.split)
    prepare = lines.prepare if plan.recipe.lines else learner.prepare
    learning: Course = prepare(run, plan, splits, group)
    if state := checkpoint.read(run, learning.engine.load):
        learning.progress = _progress(state, run)
    if not group.leads:
        return fit(learning, run, lambda _: None, should_stop)
    emit = reporting(run, report)
    emit(_start(run, learning))
    sheet = splits.validation or splits.train
    snapshots = None if plan.recipe.lines else Snapshots(run, sheet)
    if not fit(learning, run, emit, should_stop, snapshots):
        emit(events.Stopped(run=str(run), step=learning.progress.step))
        return False
    emit(finish(run, learning, splits))
    return True


def fit(
    learner: Course,
    run: Path,
    report: Report,
    should_stop: ShouldStop,
    snapshots: Snapshots | None = None,
) -> bool:
    """Train to the last step, saving at each epoch's end. False if it was stopped before.

    Of a group, all take the steps, and the leading one does the rest.
    """
    progress, reported = learner.progress, time.perf_counter()
    while progress.step < learner.steps:
        epoch, began = learner.epoch, time.perf_counter()
        learn, left = learner.start_epoch(), 1
        while left:
            if progress.step and learner.group.agreed(should_stop()):
                save(learner, run)
                return False
            left = learn()
            now = time.perf_counter()
            progress.seconds += now - began
            if learner.group.leads and now - reported > SECONDS_A_PROGRESS:
                reported = now
                report(_progress_event(learner, epoch))
                if snapshots:
                    snapshots.take(learner.engine.network(), progress.step)
            began = time.perf_counter()
        if learner.group.leads:
            report(_epoch_event(learner, epoch))
        if snapshots:
            last = progress.step == learner.steps
            snapshots.take(learner.engine.network(), progress.step, at_once=last)
        progress.loss_sum, progress.right = 0.0, 0
        save(learner, run)
    return True


def reporting(run: Path, report: Report) -> Report:
    """`report`, with each event also appended to those of the run."""

    def emit(event: Event) -> None:
        events.append(run, event)
        report(event)

    return emit


def save(learner: Course, run: Path) -> None:
    """Write the checkpoint of a run; of a group, the leading process does."""
    if not learner.group.leads:
        return
    checkpoint.write(run, learner.engine.tensors(), dataclasses.asdict(learner.progress))


def _progress(state: dict[str, Any], run: Path) -> Progress:
    try:
        return Progress(**state)
    except TypeError as cause:
        raise RunError(
            f"{run}: expected a checkpoint of this version, but {cause}",
            "Carry it on with the version of Inkling that began it, or train again",
        ) from cause


def _start(run: Path, learner: Course) -> Event:
    return events.Start(
        run=str(run),
        recipe=learner.recipe.name,
        dataset=learner.recipe.dataset,
        seed=learner.seed,
        device=learner.device,
        threads=torch.get_num_threads(),
        parameters=architectures.count_parameters(learner.engine.network()),
        epochs=math.ceil(learner.recipe.epochs),
        steps_per_epoch=learner.steps_per_epoch,
        step=learner.progress.step,
    )


def _progress_event(learner: Course, epoch: int) -> Event:
    progress, batch = learner.progress, learner.recipe.batch
    steps = progress.step - epoch * learner.steps_per_epoch
    return events.Progress(
        epoch=epoch + 1,
        step=steps,
        loss=progress.loss_sum / steps,
        accuracy=progress.right / (steps * batch),
        images_per_second=progress.step * batch / progress.seconds,
        seconds_left=progress.seconds / progress.step * (learner.steps - progress.step),
    )


def _epoch_event(learner: Course, epoch: int) -> Event:
    progress = learner.progress
    steps = progress.step - epoch * learner.steps_per_epoch
    event = events.Epoch(
        epoch=epoch + 1,
        loss=progress.loss_sum / steps,
        accuracy=progress.right / (steps * learner.recipe.batch),
        seconds=progress.seconds,
    )
    if not (validated := learner.validate()):
        return event
    loss, accuracy = validated
    return dataclasses.replace(event, validation_loss=loss, validation_accuracy=accuracy)
