"""The command that says what is wrong, and how to mend it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from inkling import __version__
from inkling.cli.options import FOUND_WRONG

commands = typer.Typer()


@commands.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look for what is wrong here: versions, extras, data, bundles, the store, the port.

    Each finding is ok, a note, or a problem with what mends it. A problem makes the exit code 1.
    Nothing private is shown: copy it into a report of a fault. With --json, it is {"inkling": its
    version, "problems": how many, "findings": [{"name", "state", "found", "mend", "group"}]}.
    """
    from inkling.cli import checks, display

    found = checks.findings()
    problems = sum(finding.state == "problem" for finding in found)
    if as_json:
        content = {"inkling": __version__, "problems": problems}
        typer.echo(json.dumps(content | {"findings": [asdict(finding) for finding in found]}))
    else:
        Console().print(display.finding_table(found))
    if problems:
        raise typer.Exit(FOUND_WRONG)
