"""The commands of the labelled drawings: from list to prune; and teach."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from inkling.cli.options import (
    FOUND_WRONG,
    MAX_SEED,
    RUNS,
    STOPPED,
    Drawings,
    Json,
    complain,
    shown_as,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inkling.drawings import Filter, Labelled, Store
    from inkling.errors import InkError

drawings_app = typer.Typer(help="The drawings you have labelled.", no_args_is_help=True)
commands = typer.Typer()
commands.add_typer(drawings_app, name="drawings")

MAX_NUMBER = 2**31 - 1  # that every database takes
Label = Annotated[int | None, typer.Option(help="Only those of this digit.", min=0, max=MAX_NUMBER)]
Numbers = Annotated[
    bool | None,
    typer.Option("--numbers/--digits", help="Only numbers, or only digits.", show_default=False),
]
Wrong = Annotated[bool, typer.Option("--wrong", help="Only those that were misread.")]
Unsure = Annotated[bool, typer.Option("--unsure", help="Only those not accepted.")]


@drawings_app.command("list")
def list_drawings(
    label: Label = None,
    wrong: Wrong = False,
    unsure: Unsure = False,
    numbers: Numbers = None,
    as_json: Json = False,
    drawings: Drawings = None,
) -> None:
    """List them, the oldest first."""
    store, which = _store(drawings), _filter(label, wrong, unsure, numbers=numbers)
    for drawing in store.each(which):
        if as_json:
            typer.echo(json.dumps(drawing.to_json()))
        else:
            read = (
                "read correctly" if drawing.label == drawing.reading else f"read {drawing.reading}"
            )
            unsure_too = "" if drawing.accepted is not False else ", not accepted"
            said = f"{drawing.label}  {read}, {drawing.confidence:.1%}{unsure_too}"
            typer.echo(f"{drawing.id:>6}  {drawing.created[:16]}  {said}")


@drawings_app.command()
def stats(as_json: Json = False, drawings: Drawings = None) -> None:
    """Count them, and those that were read correctly."""
    found = _store(drawings).stats()
    if as_json:
        typer.echo(json.dumps(found))
        return
    n, right = found["n"], found["right"]
    share = f", {right / n:.1%} read correctly, {found['accepted'] / n:.1%} accepted" if n else ""
    typer.echo(f"{n:,} drawings{share}")
    for label, of in [*found["labels"].items(), ("numbers", found["numbers"])]:
        if of["n"]:
            typer.echo(f"{label}: {of['n']:>6,}, {of['right'] / of['n']:.1%} read correctly")


@drawings_app.command("export")
def export_drawings(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made if it is not there.")],
    form: Annotated[
        Literal["idx", "png", "parquet", "jsonl"],
        typer.Option(
            "--as", help="Digits as MNIST's files, pictures or Parquet; all, as JSON lines."
        ),
    ] = "idx",
    label: Label = None,
    wrong: Wrong = False,
    unsure: Unsure = False,
    numbers: Numbers = None,
    drawings: Drawings = None,
) -> None:
    """Write them to files. Only JSON lines take numbers."""
    from inkling.cli import progress
    from inkling.drawings import archive

    store, which = _store(drawings), _filter(label, wrong, unsure, numbers=numbers)
    seen = skipped = 0

    def counted() -> "Iterator[Labelled]":
        nonlocal seen
        for drawing in store.each(which):
            seen += 1
            yield drawing

    def skip(error: "InkError") -> None:
        nonlocal skipped
        skipped += 1
        complain(error)

    with progress.showing_drawings("Nothing was written") as watch:
        chosen = watch(counted(), store.count(which))
        count = archive.export(chosen, folder, form, skip)
    typer.echo(f"Wrote {count:,} drawings to {folder}")
    left = seen - count - skipped
    if left:
        typer.echo(f"Left out {left:,} numbers, which are no images of 28x28: take --as jsonl")
    raise typer.Exit(FOUND_WRONG if skipped else 0)


@drawings_app.command("import")
def import_drawings(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, as exported.")],
    drawings: Drawings = None,
) -> None:
    """Add those of a file of JSON lines."""
    from inkling.cli import progress
    from inkling.drawings import archive

    store = _store(drawings)
    with progress.showing_drawings("Nothing was added") as watch:
        count = archive.take_in(store, file, watch)
    typer.echo(f"Added {count:,} drawings that were not here")


@drawings_app.command()
def delete(
    numbers: Annotated[
        list[int],
        typer.Argument(metavar="NUMBER...", help="See: list.", min=0, max=MAX_NUMBER),
    ],
    drawings: Drawings = None,
) -> None:
    """Delete drawings."""
    store = _store(drawings)
    for number in numbers:
        store.delete(number)
    typer.echo(f"Deleted {len(numbers):,}")


@drawings_app.command("backup")
def back_up(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Replaced if it is there.")],
    drawings: Drawings = None,
) -> None:
    """Copy all of them to one file. Others may draw meanwhile."""
    from inkling.cli import progress
    from inkling.drawings import backup

    store = _store(drawings)
    with progress.showing_drawings("Nothing was written") as watch:
        count = backup.write(store, file, watch)
    typer.echo(f"Wrote {count:,} drawings to {file}")


@drawings_app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Written by: backup.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete the drawings that are here.")
    ] = False,
    drawings: Drawings = None,
) -> None:
    """Bring back those of a backup, all or none."""
    from inkling.cli import progress
    from inkling.drawings import backup

    store = _store(drawings)
    with progress.showing_drawings("Nothing has changed") as watch:
        count = backup.restore(store, file, replace, watch)
    typer.echo(f"Restored {count:,} drawings")


@drawings_app.command()
def prune(
    days: Annotated[
        int, typer.Option("--older-than", metavar="DAYS", help="Their age.", min=1, max=36_500)
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    drawings: Drawings = None,
) -> None:
    """Delete the old ones."""
    store = _store(drawings)
    if not yes:
        typer.confirm(f"Delete every drawing older than {days} days?", abort=True)
    typer.echo(f"Deleted {store.prune(days):,}")


@commands.command()
def teach(
    name: Annotated[
        str | None, typer.Option(help="Its name (default: the time)", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=MAX_SEED)] = 0,
    served: Annotated[
        Path | None,
        typer.Option(help="The bundle to compare with (default: the served one)"),
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Teach nothing; serve the bundle that ships again.")
    ] = False,
    session: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only drawings of this browser (see: drawings list --json)."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one event a line.")] = False,
    drawings: Drawings = None,
) -> None:
    """Teach the network that ships your handwriting, from your labelled drawings.

    If it then reads your drawings better and MNIST no worse, it is served from then on.
    """
    from inkling import system
    from inkling.cli import progress
    from inkling.reading.registry import PRETRAINED, TAUGHT, Registry

    registry = Registry(system.home(), RUNS)
    if back:
        registry.choose(PRETRAINED)
        return typer.echo("The bundle that ships is served again")
    which = _filter(None, False, False, session, numbers=False)
    store = _store(drawings)
    system.require("Teaching", "train")
    from inkling.training.finetune import MAX_HELD_OUT, MAX_LEARN, fine_tune, sample

    name = name or f"{datetime.now():%Y%m%d-%H%M%S}"
    if name != Path(name).name or name == "..":
        raise typer.BadParameter("--name is the name of a folder, without a path")
    console = Console()
    shown = shown_as(console, quiet, as_json)
    count = store.count(which)
    if count > MAX_LEARN + MAX_HELD_OUT and not (quiet or as_json):
        typer.echo(f"Taking a sample of {count:,} drawings, an even share of each writer's")
    with system.stopped_by_signal() as caught, progress.FineTuneDisplay(shown, console) as show:
        before = served or registry.find(registry.chosen())
        run = registry.taught / name
        ended = fine_tune(
            sample(store, which, seed),
            run,
            show,
            lambda: bool(caught),
            before,
            seed=seed,
            skip=complain,
            serve=lambda: registry.choose(f"{TAUGHT}/{name}"),
        )
    if ended is None:
        raise typer.Exit(STOPPED + caught[0])
    return None


def _store(url: str | None) -> "Store":
    from inkling import system

    system.require("The store of drawings", "serve")
    from inkling.drawings import Store, default_url

    return Store(url or default_url())


def _filter(
    label: int | None,
    wrong: bool,
    unsure: bool,
    session: str | None = None,
    numbers: bool | None = None,
) -> "Filter":
    from inkling.drawings import Filter

    return Filter(label, wrong, unsure, session=session, numbers=numbers)
