"""The commands of the drawings that are kept: list, export, import, delete, stats; and teach."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from inkling.cli.options import RUNS, STOPPED, Drawings, Json, shown_as, stopped_by_signal
from inkling.errors import MissingExtra

if TYPE_CHECKING:
    from inkling.drawings.store import Filter, Store

drawings_app = typer.Typer(
    help="The drawings that were kept with their labels.", no_args_is_help=True
)
commands = typer.Typer()
commands.add_typer(drawings_app, name="drawings")

Label = Annotated[int | None, typer.Option(help="Only those that are this digit.", min=0)]
Wrong = Annotated[bool, typer.Option("--wrong", help="Only those that were misread.")]
Unsure = Annotated[bool, typer.Option("--unsure", help="Only those not accepted.")]


@drawings_app.command("list")
def list_drawings(
    label: Label = None,
    wrong: Wrong = False,
    unsure: Unsure = False,
    as_json: Json = False,
    drawings: Drawings = None,
) -> None:
    """List them, the oldest first."""
    store, which = _store(drawings), _filter(label, wrong, unsure)
    for drawing in store.each(which):
        if as_json:
            typer.echo(json.dumps(drawing.to_json()))
        else:
            read = "read rightly" if drawing.label == drawing.reading else f"read {drawing.reading}"
            unsure_too = "" if drawing.accepted is not False else ", not accepted"
            said = f"{drawing.label}  {read}, {drawing.confidence:.1%}{unsure_too}"
            typer.echo(f"{drawing.id:>6}  {drawing.created[:16]}  {said}")


@drawings_app.command()
def stats(as_json: Json = False, drawings: Drawings = None) -> None:
    """Say how many there are, and how many were read rightly."""
    found = _store(drawings).stats()
    if as_json:
        typer.echo(json.dumps(found))
        return
    n, right = found["n"], found["right"]
    share = f", {right / n:.1%} read rightly, {found['accepted'] / n:.1%} accepted" if n else ""
    typer.echo(f"{n:,} drawings{share}")
    for label, of in found["labels"].items():
        typer.echo(f"{label}: {of['n']:>6,}, {of['right'] / of['n']:.1%} read rightly")


@drawings_app.command("export")
def export_drawings(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made if it is not there.")],
    form: Annotated[
        Literal["idx", "png", "parquet", "jsonl"],
        typer.Option(
            "--as", help="Images as MNIST's files or as pictures; all, as Parquet or JSON lines."
        ),
    ] = "idx",
    label: Label = None,
    wrong: Wrong = False,
    unsure: Unsure = False,
    drawings: Drawings = None,
) -> None:
    """Write them to files."""
    from inkling.drawings import archive

    count = archive.export(_store(drawings).each(_filter(label, wrong, unsure)), folder, form)
    typer.echo(f"Wrote {count:,} drawings to {folder}")


@drawings_app.command("import")
def import_drawings(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, as exported.")],
    drawings: Drawings = None,
) -> None:
    """Add those of a file of JSON lines."""
    from inkling.drawings import archive

    count = archive.take_in(_store(drawings), file)
    typer.echo(f"Added {count:,} drawings")


@drawings_app.command()
def delete(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", help="See: list.")],
    drawings: Drawings = None,
) -> None:
    """Forget drawings."""
    store = _store(drawings)
    for number in numbers:
        store.delete(number)
    typer.echo(f"Deleted {len(numbers):,}")


@commands.command()
def teach(
    name: Annotated[
        str | None, typer.Option(help="What to call it (default: the time)", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides all that is random.", min=0)] = 0,
    served: Annotated[
        Path | None, typer.Option(help="The bundle to compare with (default: the chosen one)")
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Teach nothing: serve the bundle that ships again.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one event a line.")] = False,
    drawings: Drawings = None,
) -> None:
    """Teach the network that ships your hand, from the drawings that are kept.

    If it then reads your drawings better and MNIST no worse, it is served from now on.
    """
    from inkling import system
    from inkling.cli import display
    from inkling.reading.registry import SHIPPED, TAUGHT, Shelf

    shelf = Shelf(system.home(), RUNS)
    if back:
        shelf.choose(SHIPPED)
        return typer.echo("The bundle that ships is served again")
    kept = list(_store(drawings).each())
    try:
        from inkling.training import finetune as teaching
    except ImportError as cause:
        raise MissingExtra("Teaching", str(cause.name), "train") from cause
    name = name or f"{datetime.now():%Y%m%d-%H%M%S}"
    if name != Path(name).name or name == "..":
        raise typer.BadParameter("--name is that of a folder, without a path")
    console = Console()
    shown = shown_as(console, quiet, as_json)
    with stopped_by_signal() as caught, display.TeachingDisplay(shown, console) as show:
        before = served or shelf.find(shelf.chosen())
        run = shelf.taught / name
        ended = teaching.teach(kept, run, show, lambda: bool(caught), before, seed=seed)
    if ended is None:
        raise typer.Exit(STOPPED + caught[0])
    if ended.better:
        shelf.choose(f"{TAUGHT}/{name}")
    return None


def _store(url: str | None) -> "Store":
    from inkling.drawings.store import Store, default_url

    return Store(url or default_url())


def _filter(label: int | None, wrong: bool, unsure: bool) -> "Filter":
    from inkling.drawings.store import Filter

    return Filter(label, wrong, unsure)
