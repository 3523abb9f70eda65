"""The model registry: the bundle that ships, fine-tuned ones, those of runs; which is served.

A file in the user's own folder names the served bundle. A server looks at it before each request
(`Served`), so that a choice, made anywhere, holds from the next request on.
"""

import threading
from contextlib import suppress
from pathlib import Path

from inkling.errors import BundleError, InklingError
from inkling.files import write_atomically
from inkling.reading import bundle
from inkling.reading.reader import Reader

PRETRAINED = "pretrained"  # the name of the bundle that ships
TAUGHT, RUNS = "taught", "runs"  # how the names of others begin


class Registry:
    """Bundles by name, as "pretrained", "taught/20261124-2200" or "runs/mine"."""

    def __init__(self, home: Path, runs: Path) -> None:
        """Fine-tuned bundles lie in a folder of `home`, trained ones under `runs`."""
        self.home = home
        self.runs = runs
        self.choice = home / "served"

    @property
    def taught(self) -> Path:
        """The folder of fine-tunings."""
        return self.home / TAUGHT

    def bundles(self) -> dict[str, Path]:
        """The folder of each bundle, the newest first after the one that ships."""
        found = [
            (path.stat().st_mtime, f"{kind}/{path.parent.parent.name}", path.parent)
            for kind, folder in ((TAUGHT, self.taught), (RUNS, self.runs))
            for path in folder.glob(f"*/{bundle.IN_A_RUN}/{bundle.CARD}")
        ]
        return {PRETRAINED: bundle.PRETRAINED} | {
            name: path for _, name, path in sorted(found, reverse=True)
        }

    def find(self, name: str) -> Path:
        """The folder of a bundle. Raises BundleError."""
        found = self.bundles()
        if name not in found:
            raise BundleError(
                f"Expected a bundle that is here ({', '.join(found)}), got {name!r}",
                "Reload the list",
            )
        return found[name]

    def chosen(self) -> str:
        """The name of the chosen bundle, or of the one that ships."""
        with suppress(OSError, ValueError):
            name = self.choice.read_text().strip()
            if name in self.bundles():
                return name
        return PRETRAINED

    def choose(self, name: str) -> None:
        """Serve another bundle, if it is whole. Raises BundleError."""
        bundle.read(self.find(name))
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            write_atomically(self.choice, f"{name}\n".encode())
        except OSError as cause:
            raise BundleError(
                f"{self.choice}: expected room to write the choice, but {cause.strerror}",
                "Free some space",
            ) from cause


class Served:
    """The reader in use, and its name: another takes its place between two requests."""

    def __init__(self, registry: Registry, given: Path | None = None) -> None:
        """Serve the bundle `given`, or the chosen one; then whatever is chosen later."""
        self.registry = registry
        self._lock = threading.Lock()
        self._seen = self._stamp()
        name = registry.chosen()
        if given is None and name != PRETRAINED:
            with suppress(InklingError):  # the page opens though it is broken
                self._use(name)
                return
        self._current = str(given or PRETRAINED), given or bundle.PRETRAINED, Reader.load(given)

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
        path = self.registry.find(name)
        self._current = name, path, Reader.load(path)

    def _look(self) -> tuple[str, Path, Reader]:
        if self._stamp() != self._seen:
            with self._lock:
                if (stamp := self._stamp()) != self._seen:
                    with suppress(InklingError):  # then the one in use stays
                        self._use(self.registry.chosen())
                    self._seen = stamp
        return self._current

    def _stamp(self) -> int | None:
        try:
            return self.registry.choice.stat().st_mtime_ns
        except OSError:
            return None
