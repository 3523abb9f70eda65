"""The model registry: the bundle that ships, fine-tuned ones, those of runs; which is served.

A file in the user's own folder holds the name of the served bundle and, in a second line, its
folder: "runs/mine" is another bundle in each working folder. A server looks at the file before
each request (`Served`), so that a choice, made anywhere, holds from the next request on.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

from inkling.errors import BundleError, InklingError
from inkling.files import write_atomically
from inkling.reading import bundle
from inkling.reading.bundle import Card
from inkling.reading.reader import Reader

PRETRAINED = "pretrained"  # the name of the bundle that ships
TAUGHT, RUNS = bundle.TAUGHT, "runs"  # how the names of others begin
Stamps = tuple[tuple[int, int, int], ...]  # of each file: two times of its change, and its size


def newest(pattern: str, *folders: Path) -> list[Path]:
    """The files of a pattern in the folders, the newest first.

    One that vanishes meanwhile is left out, and one whose name is no UTF-8, which no answer and no
    address can hold.
    """
    found = []
    for folder in folders:
        with suppress(OSError):
            for path in folder.glob(pattern):
                with suppress(OSError, UnicodeError):
                    str(path.relative_to(folder)).encode()
                    found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


class Registry:
    """Bundles by name, as "pretrained", "taught/20261124-2200" or "runs/mine"."""

    def __init__(self, home: Path, runs: Path) -> None:
        """Fine-tuned bundles lie in a folder of `home`, trained ones under `runs`."""
        self.home = home
        self.runs = runs
        self.choice = home / "served"
        self._checked: dict[Path, tuple[Stamps | None, Card | BundleError]] = {}

    @property
    def taught(self) -> Path:
        """The folder of fine-tunings."""
        return self.home / TAUGHT

    def bundles(self) -> dict[str, Path]:
        """The folder of each bundle, the newest first after the one that ships.

        A chosen one that is not among them, since it was chosen elsewhere, is named by its path.
        """
        found = self._listed()
        found.setdefault(*self._choice_among(found))
        return found

    def card(self, folder: Path) -> Card:
        """The checked card of a bundle; read again only if a file changes. Raises BundleError."""
        stamps = _stamps(folder)
        seen, known = self._checked.get(folder, (None, None))
        if seen != stamps or known is None:
            try:
                known = bundle.read(folder)[0]
            except BundleError as error:
                known = error
            self._checked[folder] = stamps, known
        if isinstance(known, BundleError):
            raise BundleError(known.error, known.hint)
        return known

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
        return self._choice_among(self._listed())[0]

    def path_of_choice(self) -> Path:
        """The folder of the chosen bundle, or of the one that ships."""
        return self._choice_among(self._listed())[1]

    def choose(self, name: str) -> None:
        """Serve another bundle, if it is whole and reads ink. Raises BundleError."""
        folder = self.find(name)
        _refuse_pictures(bundle.read(folder)[0], folder)
        content = name if name == PRETRAINED else f"{name}\n{folder.resolve()}"
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            write_atomically(self.choice, os.fsencode(f"{content}\n"))
        except OSError as cause:
            raise BundleError(
                f"{self.choice}: expected room to write the choice, but {cause.strerror}",
                "Free some space",
            ) from cause

    def _listed(self) -> dict[str, Path]:
        """The folder of each bundle here, whatever is chosen."""
        kinds = {self.taught: TAUGHT, self.runs: RUNS}
        cards = newest(f"*/{bundle.IN_A_RUN}/{bundle.CARD}", *kinds)
        return {PRETRAINED: bundle.PRETRAINED} | {
            f"{kinds[path.parents[2]]}/{path.parents[1].name}": path.parent for path in cards
        }

    def _choice_among(self, listed: dict[str, Path]) -> tuple[str, Path]:
        """The name and folder of the chosen bundle, or of the one that ships."""
        with suppress(OSError, ValueError):  # there is no choice, or it is not one
            content = os.fsdecode(self.choice.read_bytes()).removesuffix("\n")
            name, _, path = content.partition("\n")
            if path and (Path(path) / bundle.CARD).is_file():
                same = (each for each, folder in listed.items() if folder.resolve() == Path(path))
                return next(same, path), Path(path)
            if name in listed and not (path and name.startswith(RUNS)):  # that would be another
                return name, listed[name]
        return PRETRAINED, bundle.PRETRAINED


def _stamps(folder: Path) -> Stamps | None:
    """When the files of a bundle have changed; None where one is missing."""
    try:
        found = [(folder / name).stat() for name in (bundle.MODEL, bundle.CARD)]
    except OSError:
        return None
    return tuple((file.st_mtime_ns, file.st_ctime_ns, file.st_size) for file in found)


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
        self._current = str(given or PRETRAINED), given or bundle.PRETRAINED, _reader(given)

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
        self._current = name, path, _reader(path)

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


def _reader(folder: Path | None) -> Reader:
    """The Reader of a bundle that can be served. Raises BundleError."""
    reader = Reader.load(folder)
    _refuse_pictures(reader.card, folder)
    return reader


def _refuse_pictures(card: Card, folder: Path | None) -> None:
    """Raise BundleError for a bundle that reads colours: the page draws and shows ink alone."""
    if card.frame == "picture":
        raise BundleError(
            f"{folder}: expected a bundle that reads ink, got one that reads colour pictures",
            f"Read with it here: inkling read PICTURE --bundle {folder}",
        )
