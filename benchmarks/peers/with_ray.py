"""Ray Serve."""

import signal

import ray
from digits import CORES, PORT
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=CORES, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.5})
class Digits:
    """Reads the body of a request."""

    def __init__(self) -> None:
        from digits import read

        self._read = read

    async def __call__(self, request: Request) -> dict[str, object]:
        """The reading."""
        return self._read(await request.body())


if __name__ == "__main__":
    ray.init(num_cpus=CORES, include_dashboard=False, log_to_driver=False, logging_level="error")
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Digits.bind(), route_prefix="/read")
    signal.pause()
