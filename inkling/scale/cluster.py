"""The cluster that is used."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from inkling.errors import InklingError

SECONDS_TO_ANSWER = 5
ADDRESS = "RAY_ADDRESS"  # in the environment: of a cluster that runs


def processors() -> int:
    """Those of the cluster in use, at least one."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray's
    return max(1, int(resources.get("CPU", 1)))


@contextmanager
def connected(cores: int) -> Iterator[None]:
    """Use the cluster that RAY_ADDRESS names, or one of this machine, which ends with the block.

    That one has so many processors, and nothing of it is reached from elsewhere. Raises
    InklingError where there is no cluster at the address.
    """
    if ray.is_initialized():  # by the caller
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent elsewhere
    address = os.environ.get(ADDRESS)
    ours = {key: value for key, value in os.environ.items() if key.startswith("INKLING_")}
    try:
        if address:
            _knock(address)
            ray.init(
                address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": ours},
            )
        else:
            ray.init(
                num_cpus=cores,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",
            )
    except (OSError, RuntimeError, ValueError) as cause:
        first = str(cause).partition("\n")[0]
        raise InklingError(
            f"Expected a Ray cluster at {address or 'this machine'}, but {first}",
            f"Start one with `ray start --head`, or leave {ADDRESS} out",
        ) from cause
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError unless somebody answers: Ray itself would try for minutes, and exit."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        with socket.create_connection((host.rpartition("/")[2], int(port)), SECONDS_TO_ANSWER):
            pass
