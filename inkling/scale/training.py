"""Trainings on a cluster: several networks side by side, or one by several workers together.

Those side by side are tasks of Ray. Workers together are a group of Ray Train. Either way, Ray
tries again what a lost node was training, after the last saved epoch. A training writes its run's
folder, which must be one that all machines share.
"""

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import train as ray_train
from ray.train.torch import TorchConfig, TorchTrainer

from inkling import system
from inkling.errors import InklingError, RunError
from inkling.experiments import events, runs
from inkling.scale.cluster import connected, processors
from inkling.training import loop
from inkling.training.group import Group
from inkling.training.loop import Report, ShouldStop

TRIES = 3  # of a training whose machine is lost
SECONDS_TO_LOOK = 0.1  # for what the workers report
OWN = "ray"  # what Ray Train notes down, in the run's folder while it is trained

_log = logging.getLogger(__name__)


def spread(train: Callable[[int], bool], networks: Sequence[int], threads: int) -> None:
    """Train networks by number, as many at once as the cluster has `threads` for.

    Raises what a training raises.
    """
    if not networks:
        return
    with connected(system.cores()):
        task = ray.remote(num_cpus=threads, max_retries=TRIES)(_train)
        under_way = [task.remote(train, number) for number in networks]
        while under_way:
            done, under_way = ray.wait(under_way)
            ray.get(done)


def _train(train: Callable[[int], bool], number: int) -> bool:
    return train(number)


def train(run: Path, report: Report, should_stop: ShouldStop = lambda: False) -> bool:
    """What `training.train` does, by as many workers as the run's plan says.

    Each learns from its share of every batch. Raises RunError, and what a worker raises.
    """
    plan, run = loop.planned(run), run.resolve()
    needed = plan.workers * plan.threads
    with runs.held(run), connected(needed):
        if processors() < needed:
            _log.warning("Waiting for %d processors: the cluster has %d", needed, processors())
        (run / runs.STOP).unlink(missing_ok=True)
        trainer = TorchTrainer(
            _train_together,
            train_loop_config={"run": str(run)},
            torch_config=TorchConfig(backend="nccl" if plan.device == "cuda" else "gloo"),
            scaling_config=ray_train.ScalingConfig(
                num_workers=plan.workers,
                use_gpu=plan.device == "cuda",
                resources_per_worker={"CPU": plan.threads},
            ),
            run_config=ray_train.RunConfig(
                name=OWN,
                storage_path=str(run),
                failure_config=ray_train.FailureConfig(max_failures=TRIES),
            ),
        )
        _, reported = events.since(run, 0)
        failures: list[Exception] = []
        fitting = threading.Thread(target=_fit, args=(trainer, failures), daemon=True)
        fitting.start()
        begun = False
        while fitting.is_alive():
            fitting.join(SECONDS_TO_LOOK)
            found, reported = events.since(run, reported)
            begun |= bool(found)
            for event in found:
                report(event)
            if should_stop():
                (run / runs.STOP).touch()
                if not begun:  # there is nothing to save yet
                    break
        (run / runs.STOP).unlink(missing_ok=True)
        shutil.rmtree(run / OWN, ignore_errors=True)
        for failure in failures:
            raise _of_worker(failure, run) from failure
    return runs.has_ended(run)


def _fit(trainer: TorchTrainer, failures: list[Exception]) -> None:
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    try:
        trainer.fit()
    except ray_train.TrainingFailedError as failure:
        failures.append(failure)


def _train_together(values: dict[str, Any]) -> None:
    """Carry a run on in a worker."""
    run, context = Path(values["run"]), ray_train.get_context()
    group = Group(context.get_world_rank(), context.get_world_size())
    loop.carry_on(run, runs.read_plan(run), lambda _: None, (run / runs.STOP).exists, group=group)


def _of_worker(failure: Exception, run: Path) -> InklingError:
    """What a worker raised."""
    raised = getattr(failure, "worker_failures", {}).values()
    for error in raised:
        cause = getattr(error, "_base_exc", error)
        if isinstance(cause, InklingError):
            return cause
    last = str(failure).strip().splitlines()[-1]
    return RunError(
        f"{run}: expected workers that train it, but {last}",
        f"Go on after the last saved epoch with: inkling train --resume {run}",
    )
