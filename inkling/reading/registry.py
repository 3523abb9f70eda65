"""The bundles that are here: the one that ships, those taught, those of runs; and which is served.

A file in the user's own folder names the one that is served. Whoever serves looks at it before each
request (`Served`), so that a choice, made anywhere, holds from the next request on.
"""

import threading
from contextlib import suppress
from pathlib import Path

from inkling.files import write_atomically
from inkling.reading import bundle
from inkling.errors import BundleError, InklingError
from inkling.reading.reader import Reader

SHIPPED = "shipped"
TAUGHT, RUNS = "taught", "runs"  # what the names of others begin with


class Shelf:
    """Bundles by name, as "shipped", "taught/20261124-2200" or "runs/mine"."""

    def __init__(self, home: Path, runs: Path) -> None:
        """Those taught lie in a folder of `home`, those trained under `runs`."""
        self.home = home
        self.runs = runs
        self.choice = home / "served"

    @property
    def taught(self) -> Path:
        """The folder of teachings."""
        return self.home / TAUGHT

    def bundles(self) -> dict[str, Path]:
        """The folder of each bundle, the newest first after the one that ships."""
        found = [
            (path.stat().st_mtime, f"{kind}/{path.parent.parent.name}", path.parent)
            for kind, folder in ((TAUGHT, self.taught), (RUNS, self.runs))
            for path in folder.glob(f"*/{bundle.IN_A_RUN}/{bundle.CARD}")
        ]
        return {SHIPPED: bundle.PRETRAINED} | {
            name: path for _, name, path in sorted(found, reverse=True)
        }

    def find(self, name: str) -> Path:
        """The folder of a bundle. Raises BundleError."""
        found = self.bundles()
        if name not in found:
            raise BundleError(
                f"Expected a bundle that is here ({', '.join(found)}), got {name!r}", "Look anew"
            )
        return found[name]

    def chosen(self) -> str:
        """The name of the bundle that is to be served."""
        with suppress(OSError, ValueError):
            name = self.choice.read_text().strip()
            if name in self.bundles():
                return name
        return SHIPPED

    def choose(self, name: str) -> None:
        """Have another bundle served, once it has been found to be whole. Raises BundleError."""
        bundle.read(self.find(name))
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            write_atomically(self.choice, f"{name}\n".encode())
        except OSError as cause:
            raise BundleError(
                f"{self.choice}: expected room to note the choice, but {cause.strerror}",
                "Free some space",
            ) from cause


class Served:
    """The reader in use, and its name: another takes its place between two requests."""

    def __init__(self, shelf: Shelf, given: Path | None = None) -> None:
        """Serve the bundle `given`, or the one chosen, and in any case what is chosen later."""
        self.shelf = shelf
        self._lock = threading.Lock()
        self._seen = self._stamp()
        name = shelf.chosen()
        if given is None and name != SHIPPED:
            with suppress(InklingError):  # a broken one must not keep the page from opening
                self._use(name)
                return
        self._current = str(given or SHIPPED), given or bundle.PRETRAINED, Reader.load(given)

    @property
    def name(self) -> str:
        """The name of the bundle in use."""
        return self._look()[0]

    @property
    def reader(self) -> Reader:
        """The reader in use; one request asks once."""
        return self._look()[2]

    @property
    def path(self) -> Path:
        """The folder of the bundle in use."""
        return self._look()[1]

    def _use(self, name: str) -> None:
        path = self.shelf.find(name)
        self._current = name, path, Reader.load(path)

    def _look(self) -> tuple[str, Path, Reader]:
        if self._stamp() != self._seen:
            with self._lock:
                if (stamp := self._stamp()) != self._seen:
                    with suppress(InklingError):  # then the one in use stays
                        self._use(self.shelf.chosen())
                    self._seen = stamp
        return self._current

    def _stamp(self) -> int | None:
        try:
            return self.shelf.choice.stat().st_mtime_ns
        except OSError:
            return None
