"""What every command shares: how it ends, and the options they have in common."""

import itertools
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from inkling.errors import InklingError
from inkling.files import RUNS as RUNS

if TYPE_CHECKING:
    from PIL.Image import Image

    from inkling.cli.progress import Shown

FOUND_WRONG, STOPPED = 1, 128  # exit codes; 128 + the signal's number is the shell's custom
MAX_SEED = 2**63 - 1  # of a PyTorch generator
SERVED = "served"  # instead of a folder: the bundle that is served
BUNDLE_HELP = "A bundle's or run's folder, or `served` (default: the one that ships)"
BundleOption = Annotated[Path | None, typer.Option("--bundle", help=BUNDLE_HELP)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
Drawings = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The drawings' database (default: INKLING_DRAWINGS, then a file of yours).",
        show_default=False,
    ),
]


def bundle_folder(path: Path | None) -> Path | None:
    """The folder that a bundle option means; None of the bundle that ships. Raises BundleError."""
    from inkling import system
    from inkling.reading.registry import Registry

    return Registry(system.home(), RUNS).path_of_choice() if path == Path(SERVED) else path


def new_folder(path: Path) -> Path:
    """That path with the time after it, and a number where such a folder is there already."""
    base = f"{path.name}-{datetime.now():%Y%m%d-%H%M%S}"
    names = (path.with_name(f"{base}-{n}" if n > 1 else base) for n in itertools.count(1))
    return next(folder for folder in names if not folder.exists())


def complain(error: InklingError, of: str = "") -> int:
    """Say the error's one line, of what; the exit code."""
    typer.echo(f"inkling: {of}{error}", err=True)
    return FOUND_WRONG


def write_picture(picture: "Image", path: Path) -> None:
    """Write a PNG file and say so. Raises InklingError if it cannot."""
    try:
        picture.save(path, format="PNG")
    except OSError as cause:
        raise InklingError(
            f"{path}: expected a file to write to, but {cause.strerror or cause}", "Name another"
        ) from cause
    typer.echo(f"Wrote {path}", err=True)


def shown_as(console: Console, quiet: bool, as_json: bool) -> "Shown":
    """How a command is to show what happens."""
    if quiet or as_json:
        return "nothing" if quiet else "json"
    return "live" if console.is_terminal else "lines"


@contextmanager
def stopped_by_signal() -> Iterator[list[int]]:
    """A list that gets the number of the first signal to stop; a second one acts at once."""
    caught: list[int] = []

    def catch(number: int, _: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, signal.default_int_handler)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)  # a closed terminal; nohup ignores it
    if sys.platform == "win32":  # what web/jobs.py and runs.stop send there
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, catch) for number in numbers}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
