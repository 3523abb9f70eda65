"""The command line: parse, call one function, print. The only package that knows Typer."""

import io
import sys
from typing import Annotated

import typer

from inkling import __version__
from inkling.cli import data, drawings, reading, training
from inkling.cli.options import complain
from inkling.errors import InklingError

app = typer.Typer(
    name="inkling",
    help="Handwritten digits, end to end: data, training, measuring, reading, serving.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (data.commands, training.commands, reading.commands, drawings.commands):
    app.add_typer(commands)


def main() -> None:
    """Run the command line; an InklingError becomes its one line and exit code 1."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except InklingError as error:
        sys.exit(complain(error))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"inkling {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass
