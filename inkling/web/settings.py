"""How a server is run: where it listens, who may do what, and how much of it."""

import ipaddress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from inkling.errors import ServeError
from inkling.files import RUNS

LOOPBACK = ("localhost", "127.0.0.1", "::1")
COUNTED = "PROMETHEUS_MULTIPROC_DIR"  # in the environment: a folder where workers count together
LogFormat = Literal["text", "json"]


@dataclass(frozen=True)
class Settings:
    """The options of `inkling serve`."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1  # processes
    bundle: Path | None = None  # instead of the chosen one
    database: str = ""  # URL of the drawings
    runs: Path = RUNS
    token: str = ""  # may do everything
    read_token: str = ""  # may read, and store drawings
    open: bool = False  # anyone may do what `read_token` may
    read_only: bool = False  # nobody may store, train, teach, delete or choose
    trains: bool = True  # on this machine, and stops trainings here
    rate: float | None = None  # requests a second that one client may send to a worker
    max_drawings: int | None = None  # that are kept
    max_bytes: int | None = None  # of the drawings that are kept
    allow_hosts: tuple[str, ...] = ()  # names of this server, beside its own address
    allow_origins: tuple[str, ...] = ()  # sites whose pages may read, as "https://example.org"
    proxy: str = ""  # addresses of proxies whose X-Forwarded-For and -Proto are believed
    root_path: str = ""  # under which a proxy serves it, as "/inkling"
    log_format: LogFormat = "text"
    access_log: bool = False  # a line a request

    @cached_property
    def is_exposed(self) -> bool:
        """Whether others than this machine's users may reach it."""
        try:
            at_home = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            at_home = self.host.lower() == "localhost"
        return not at_home or bool(self.proxy or self.allow_hosts)

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names by which it is asked for; None for any."""
        if self.is_exposed and not self.allow_hosts:
            return None
        return tuple(name.lower() for name in (*LOOPBACK, self.host, *self.allow_hosts))

    def check(self) -> None:
        """Raise ServeError where others could reach it and nobody has said that they may."""
        if self.is_exposed and not (self.token or self.read_token or self.open):
            raise ServeError(
                f"Expected a token for a server that others can reach ({self._reached_by}), got "
                "none",
                "Give one with --token or INKLING_TOKEN, or let anyone read with --open",
            )
        if self.root_path and (self.root_path[0] != "/" or self.root_path[-1] == "/"):
            raise ServeError(
                f"Expected a path as /inkling, got {self.root_path!r}",
                "Begin --root-path with a slash, and end it without",
            )

    @property
    def _reached_by(self) -> str:
        return f"--host {self.host}" if not (self.proxy or self.allow_hosts) else "through a proxy"
