"""Trainings side by side: each is a task of Ray, which tries again what a lost node was training.

A training writes its run's folder, which must be one that all machines share. A task that is tried
again goes on after the last saved epoch.
"""

from collections.abc import Callable, Sequence

import ray

from inkling import system
from inkling.scale.cluster import connected

TRIES = 3  # of a training whose machine is lost


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
