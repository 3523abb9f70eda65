"""The engine of one machine: processes that each read a part at a time.

A process that dies takes nothing with it. Its part is tried again alone, and where that dies too,
its rows say so.
"""

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from inkling import system
from inkling.bulk.job import Job

AHEAD = 2  # parts that wait for each process
TRIES = 2  # of a part alone, whose process dies
DIED = "Expected to read it, but every process that tried died. Look at this one by itself."


def run(job: Job, workers: int | None) -> Iterator[tuple[int, int]]:
    """Read what is not done; the number of each part as it is done, and its rows.

    Without `workers`, as many read at once as there are cores.
    """
    workers = workers or system.cores()
    left = job.todo()
    while left:
        broken: list[int] = []
        for number, rows in _together(job, left, workers, broken):
            left.remove(number)
            yield number, rows
        for number in broken:
            left.remove(number)
            yield number, _alone(job, number)


def _together(
    job: Job, numbers: list[int], workers: int, broken: list[int]
) -> Iterator[tuple[int, int]]:
    """Read parts in some processes until one dies: then `broken` gets those under way."""
    waiting = iter(list(numbers))
    under_way: dict[Future[int], int] = {}
    with _pool(workers) as pool:
        try:
            while True:
                for number in islice(waiting, AHEAD * workers - len(under_way)):
                    under_way[pool.submit(job.work.do, number, job.parts[number])] = number
                if not under_way:
                    return
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    rows = future.result()  # raises what reading raised, or BrokenProcessPool
                    yield under_way.pop(future), rows
        except BrokenProcessPool:
            broken += under_way.values()
        finally:  # who stops it waits for the parts under way alone
            pool.shutdown(cancel_futures=True)


def _alone(job: Job, number: int) -> int:
    """Read a part in a process of its own; where it dies, its rows are errors."""
    for _ in range(TRIES):
        with _pool(1) as pool:
            try:
                return pool.submit(job.work.do, number, job.parts[number]).result()
            except BrokenProcessPool:
                continue
    return job.work.give_up(number, job.parts[number], DIED)


def _pool(workers: int) -> ProcessPoolExecutor:
    """Processes that are not forked: ONNX Runtime's threads would not survive it."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _finish_first)


def _finish_first() -> None:
    """Ctrl-C goes to all processes of a terminal: the one that was told to read stops them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
