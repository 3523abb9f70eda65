"""What a server logs: text or lines of JSON, with the id of a request, and nothing that floods."""

import json
import logging
import time
from contextvars import ContextVar
from typing import Any

from inkling.web.settings import LogFormat

SECONDS_A_LINE = 60  # between two lines of one message, where it would flood

request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """A line of JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        said: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if known := request_id.get():
            said["request_id"] = known
        said |= getattr(record, "request", {})
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said)


class NoFlood(logging.Filter):
    """Lets a message through once a minute, where the same one comes again and again."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging."""
        if record.levelno < logging.ERROR:
            return True
        cause = record.exc_info[1] if record.exc_info else None
        now, what = time.monotonic(), f"{record.name} {record.msg} {cause!r}"
        if now - self._last.get(what, -SECONDS_A_LINE) < SECONDS_A_LINE:
            return False
        self._last[what] = now
        return True


def set_up_logs(log_format: LogFormat) -> None:
    """Log to standard error, as text or as lines of JSON."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S")
    handler.setFormatter(JsonLines() if log_format == "json" else text)
    handler.addFilter(NoFlood())
    for name, level in (("inkling", "INFO"), ("uvicorn", "WARNING"), ("asyncio", "WARNING")):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
