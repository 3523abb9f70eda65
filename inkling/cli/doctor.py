"""The command that says what is wrong, and how to mend it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from inkling import __version__
from inkling.cli.options import FOUND_WRONG

if TYPE_CHECKING:
    from inkling.cli.checks import Finding

STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
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
    from inkling.cli import checks

    found = checks.findings()
    problems = sum(finding.state == "problem" for finding in found)
    if as_json:
        content = {"inkling": __version__, "problems": problems}
        typer.echo(json.dumps(content | {"findings": [asdict(finding) for finding in found]}))
    else:
        Console().print(_table(found))
    if problems:
        raise typer.Exit(FOUND_WRONG)


def _table(findings: "Sequence[Finding]") -> Table:
    """One a row, under the name of its group, and below it what mends it.

    It stands here because display.py needs libraries that may be what is broken.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=24)
    table.add_column(overflow="fold")
    for group, members in groupby(findings, lambda finding: finding.group):
        table.add_row(Text(group, "bold"))
        for one in members:
            table.add_row(Text(f"  {one.state}", STYLES[one.state]), one.name, Text(one.found))
            if one.mend:
                table.add_row("", "", Text(f"> {one.mend}", "cyan"))
    return table
