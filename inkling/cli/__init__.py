"""The command line: parse, call one function, print. The only package that knows Typer."""

import io
import os
import sys
from typing import Annotated

import typer

from inkling import __version__
from inkling.cli import data, doctor, drawings, export, reading, serving, training
from inkling.cli.options import FOUND_WRONG, complain
from inkling.errors import InklingError

app = typer.Typer(
    name="inkling",
    help="Handwritten digits, end to end: data, training, measuring, reading, serving.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (
    data.commands,
    training.commands,
    reading.commands,
    export.commands,
    serving.commands,
    drawings.commands,
    doctor.commands,
):
    app.add_typer(commands)


def main() -> None:
    """Run the command line; an InklingError becomes its one line and exit code 1.

    So does standard output that cannot be written to; a closed pipe ends the command in silence.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, not as the interpreter ends, where an error has a traceback
    except InklingError as error:
        sys.exit(complain(error))
    except BrokenPipeError:
        _drop_output()
        sys.exit(FOUND_WRONG)  # as Click does, where it is the first to see it
    except OSError as cause:
        if cause.filename is not None:  # not of standard output
            raise
        _drop_output()
        why = f"standard output: expected room to write to, but {cause.strerror or cause}"
        sys.exit(complain(InklingError(why, "Free some space, or write elsewhere")))


def _drop_output() -> None:
    """Have what was not written go nowhere, so that the interpreter can end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
