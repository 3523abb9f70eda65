"""What every command shares: how it ends, and the options they have in common."""

from pathlib import Path
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
BUNDLE_HELP = (
    "A bundle's or run's folder, `served`, or hf://user/name (default: the one that ships)"
)
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
    """The folder that a bundle option means; None of the bundle that ships. Raises BundleError.

    What is on the Hub is fetched.
    """
    from inkling import system
    from inkling.reading import hub
    from inkling.reading.registry import Registry

    if path is not None and hub.is_name(str(path)):
        return hub.fetch(str(path))
    return Registry(system.home(), RUNS).path_of_choice() if path == Path(SERVED) else path


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
