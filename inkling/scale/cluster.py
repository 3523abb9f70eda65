"""The cluster that is used."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from inkling.errors import InklingError

ADDRESS = "RAY_ADDRESS"  # in the environment: of a cluster that runs


@contextmanager
def connected(workers: int) -> Iterator[None]:
    """Use the cluster that RAY_ADDRESS names, or one of this machine, which ends with the block.

    That one has a processor for each worker, and nothing of it is reached from elsewhere. Raises
    InklingError where there is no cluster at the address.
    """
    if ray.is_initialized():  # by who called
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it asks nobody and tells nobody
    address = os.environ.get(ADDRESS)
    try:
        if address:
            ray.init(address, log_to_driver=False, logging_level="error")
        else:
            ray.init(
                num_cpus=workers,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="error",
                _node_ip_address="127.0.0.1",
            )
    except (ConnectionError, RuntimeError, ValueError) as cause:
        first = str(cause).partition("\n")[0]
        raise InklingError(
            f"Expected a Ray cluster at {address or 'this machine'}, but {first}",
            f"Start one with `ray start --head`, or leave {ADDRESS} out",
        ) from cause
    try:
        yield
    finally:
        ray.shutdown()
