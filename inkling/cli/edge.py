"""What every command shares: how it ends, and the options they have in common."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inkling.errors import InklingError

if TYPE_CHECKING:
    from PIL.Image import Image

FOUND_WRONG, STOPPED = 1, 128  # exit codes; 128 + the signal's number is the shell's custom
BUNDLE_HELP = "A bundle's or run's folder (default: the one that ships)"
Json = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
Drawings = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The drawings' database (default: INKLING_DRAWINGS, then a file of yours).",
        show_default=False,
    ),
]


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
