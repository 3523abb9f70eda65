"""What is counted of a server, for Prometheus; and its requests, each with an id and a time.

No drawing, no label and no query is ever counted or logged.
"""

import collections
import logging
import os
import secrets
import time
from collections.abc import Iterable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette._utils import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkling.reading.answers import Answer, LinesAnswer, NumberAnswer
from inkling.web.logs import request_id
from inkling.web.settings import COUNTED

ID = "x-request-id"
MAX_ID = 64  # characters of a client's own id
FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SHARES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
NATS = (-8.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 2.0, 5.0)

SECONDS = Histogram(
    "inkling_request_seconds", "Of each request", ["method", "route", "status"], buckets=FAST
)
LIVE = Gauge("inkling_live_sockets", "That are open", multiprocess_mode="livesum")
BATCH = Histogram("inkling_batch_size", "Digits read together", buckets=(1, 2, 4, 8))
REJECTED = Counter("inkling_rejected_requests", "Turned away: too many waited")
READINGS = Counter(
    "inkling_readings", "By kind, and whether accepted", ["kind", "accepted", "model"]
)
CONFIDENCE = Histogram("inkling_confidence", "Of each reading", ["kind"], buckets=SHARES)
OOD_SCORE = Histogram(
    "inkling_ood_score_nats", "Of each digit: it drifts where the ink is new", buckets=NATS
)

_log = logging.getLogger("inkling.requests")


def count(answer: Answer | NumberAnswer | LinesAnswer) -> None:
    """Count what was read."""
    if isinstance(answer, LinesAnswer):
        for line in answer.lines:
            count(line)
        return
    kind = "digit" if isinstance(answer, Answer) else "number"
    READINGS.labels(kind, str(answer.accepted).lower(), answer.model).inc()
    CONFIDENCE.labels(kind).observe(answer.confidence)
    if isinstance(answer, Answer):
        OOD_SCORE.observe(answer.ood_score)


def count_many(kind: str, accepted: Iterable[bool | None], model: str) -> None:
    """Count readings; what `count` observes of each beside that would take too long."""
    for said, number in collections.Counter(accepted).items():
        READINGS.labels(kind, str(said).lower(), model).inc(number)


def page() -> tuple[bytes, str]:
    """The metrics of all workers, and their media type."""
    registry = REGISTRY
    if COUNTED in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # its own
    return generate_latest(registry), CONTENT_TYPE_LATEST


class Watch:
    """Gives each request an id, times it, and logs it where that is asked for."""

    def __init__(self, app: ASGIApp, access_log: bool) -> None:
        self._app = app
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the interface of ASGI."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = next((v for k, v in scope["headers"] if k == ID.encode()), b"").decode("latin1")
        known = given if given.isascii() and given.isprintable() and given else secrets.token_hex(8)
        request_id.set(known[:MAX_ID])
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                header = (ID.encode(), known[:MAX_ID].encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - start
            SECONDS.labels(scope["method"], route_of(scope), status).observe(seconds)
            if self._access_log:
                path, client = get_route_path(scope), (scope.get("client") or ("",))[0]
                said = {"method": scope["method"], "path": path, "status": status}
                said |= {"ms": round(1000 * seconds, 2), "client": client}
                text = "{client} {method} {path} {status} {ms} ms".format(**said)
                _log.info(text, extra={"request": said})


def route_of(scope: Scope) -> str:
    """The route of a request, as "/api/drawings/{number}": few, whatever is asked for."""
    if scope.get("fast"):
        return get_route_path(scope)
    route = getattr(scope.get("route"), "path", None)
    return str(route) if route else "other"
