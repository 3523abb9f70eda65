"""The one exception tree: what a user can put right, in one line.

    InklingError
    ├── DataError         a data set that is missing, broken or could not be fetched
    ├── InkError          a picture or drawing that cannot be read or stored
    │   ├── NothingDrawn  there is no ink in it
    │   └── TooLarge      more bytes, pixels or points than are taken
    ├── RecipeError       an unknown recipe, key or value
    ├── RunError          a training run that cannot start, go on or end well
    ├── BundleError       a trained model that is missing, changed or not one
    ├── StoreError        the drawings' database cannot be opened, read or written
    │   ├── NoSuchDrawing it holds no drawing of that number
    │   └── StoreFull     it holds as many drawings, or bytes, as it may
    ├── ServeError        the page cannot be served there
    ├── Overloaded        more requests wait than the server can answer soon
    └── MissingExtra      a library of an optional part is not installed

Each says what was expected and what came (`error`) and the way out (`hint`). Only the
edges turn one into an exit code (cli) or an HTTP status (web). A programmer's misuse is a
`ValueError` instead. Pattern: httpx, _exceptions.py.
"""

import difflib
from collections.abc import Iterable
from typing import Any

DISTRIBUTION = "inkling-reader"  # what pip calls Inkling


class InklingError(Exception):
    """One line for the user: `error`, a sentence without its full stop, and `hint`.

    >>> try:
    ...     inkling.load_data("mnits")
    ... except inkling.InklingError as error:
    ...     print(error.hint)
    Perhaps you meant mnist
    """

    def __init__(self, error: str, hint: str) -> None:
        super().__init__(f"{error}. {hint}.")
        self.error = error
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it, instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it passes from one process to another."""
        return _restored, (type(self), self.error, self.hint)


def _restored(kind: type[InklingError], error: str, hint: str) -> InklingError:
    """The error that another process raised."""
    found = kind.__new__(kind)
    InklingError.__init__(found, error, hint)
    return found


class DataError(InklingError):
    """A data set is missing, broken or could not be fetched."""


class InkError(InklingError):
    """A picture or drawing cannot be read or stored."""


class NothingDrawn(InkError):
    """There is no ink in the picture or drawing: an error, never a class.

    >>> inkling.Reader.load().read(inkling.Drawing([]))
    Traceback (most recent call last):
    inkling.errors.NothingDrawn: Expected at least one stroke, ...
    """


class TooLarge(InkError):
    """More bytes, pixels or points than are taken."""


class RecipeError(InklingError):
    """A recipe, or one of its keys or values, is not known."""


class RunError(InklingError):
    """A training run cannot start, go on or end well."""


class BundleError(InklingError):
    """A bundle is missing, was changed, or is not one."""


class StoreError(InklingError):
    """The drawings' database cannot be opened, read or written."""


class NoSuchDrawing(StoreError):
    """The drawings' database holds no drawing of that number."""


class StoreFull(StoreError):
    """The drawings' database holds as many drawings, or bytes, as it may."""


class ServeError(InklingError):
    """The page cannot be served at that address."""


class Overloaded(InklingError):
    """More requests wait than the server can answer soon: try again a little later."""


class MissingExtra(InklingError):
    """A library of an optional part of Inkling is not installed."""

    def __init__(self, what: str, library: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {library}, which is not installed",
            f"Install it with: pip install '{DISTRIBUTION}[{extra}]'",
        )


def suggest(name: str, known: Iterable[str], otherwise: str) -> str:
    """A hint for a mistyped `name`: the nearest of the `known` ones, else `otherwise`."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"Perhaps you meant {near[0]}" if near else otherwise
