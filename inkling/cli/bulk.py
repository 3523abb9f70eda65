"""`inkling read --out`: reading in bulk, into a table."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from inkling.cli.options import STOPPED
from inkling.reading.formats import Constraints

if TYPE_CHECKING:
    from inkling.bulk import Job
    from inkling.bulk.rows import What

Engine = Literal["processes", "ray"]
EngineOption = Annotated[
    Engine, typer.Option(help="Of --out: processes of this machine, or a Ray cluster.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, help="Of --out: how many read at once.", show_default="as many as cores"),
]


def read_in_bulk(
    places: list[str],
    out: str,
    bundle: Path | None,
    options: tuple["What", float | None, Constraints],
    engine: Engine,
    workers: int | None,
) -> None:
    """Read places into a file, and say how it goes."""
    from inkling.bulk import Job, Options, parts_of

    job = Job.begin(out, parts_of(places), bundle, Options(*options))
    counts = [part.count for part in job.parts]
    left = sum(counts[number] for number in job.todo())
    console = Console(stderr=True)
    if left < sum(counts):
        console.print(f"Going on: {left:,} of {sum(counts):,} are left", highlight=False)
    columns = BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=sum(counts), completed=sum(counts) - left, rate="")
        try:
            for number, _ in _engine(engine)(job, workers):
                bar.advance(task, counts[number])
                speed = bar.tasks[0].speed
                bar.update(task, rate=f"{speed:,.0f}/s" if speed else "")
        except KeyboardInterrupt:
            bar.stop()
            console.print("Stopped. What is read is kept: the same command goes on.")
            raise typer.Exit(STOPPED + signal.SIGINT) from None
    rows = job.join()
    typer.echo(f"{rows:,} rows in {out}")


def _engine(name: Engine) -> Callable[["Job", int | None], Iterator[tuple[int, int]]]:
    if name == "ray":
        from inkling.scale import reading

        return reading.run
    from inkling.bulk import processes

    return processes.run
