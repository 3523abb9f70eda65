"""The engine of a cluster: the parts of a bulk reading on Ray Data.

Ray streams the parts to its workers and tries again what a lost worker or node was reading. A
worker writes the rows of its part itself, so that no row passes through the driver.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import ray

from inkling import system
from inkling.bulk.job import Job, Work
from inkling.bulk.places import Part
from inkling.scale.cluster import connected, processors


def run(job: Job, workers: int | None) -> Iterator[tuple[int, int]]:
    """Read what is not done; the number of each part as it is done, and its rows.

    Without `workers`, as many read at once as the cluster has processors.
    """
    left = job.todo()
    if not left:
        return
    with connected(workers or system.cores()):
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        items = [{"number": n, "part": json.dumps(asdict(job.parts[n]))} for n in left]
        parts = ray.data.from_items(items, override_num_blocks=len(items))
        strategy = ray.data.TaskPoolStrategy(size=workers or processors())
        for row in parts.map(partial(_read, job.work), compute=strategy, num_cpus=1).iter_rows():
            yield int(row["number"]), int(row["rows"])


def _read(work: Work, row: dict[str, Any]) -> dict[str, int]:
    """Read a part in a worker: its number and its rows."""
    values = json.loads(row["part"])
    part = Part(**values | {"places": tuple(values["places"])})
    return {"number": row["number"], "rows": work.do(row["number"], part)}
