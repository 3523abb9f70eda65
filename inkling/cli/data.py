"""The commands of the data sets: list, fetch, show."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from inkling.cli.options import write_picture

if TYPE_CHECKING:
    from inkling.data import DataSet

data_app = typer.Typer(help="The data sets: list, fetch, show.", no_args_is_help=True)
commands = typer.Typer()
commands.add_typer(data_app, name="data")

DataSetName = Annotated[
    str, typer.Argument(metavar="NAME", help="As mnist; see them with: inkling data list")
]


@data_app.command("list")
def list_data() -> None:
    """Say which data sets are here, which are not, how large they are, whose and from where."""
    from inkling import data
    from inkling.data.catalog import CATALOG

    for dataset in CATALOG.values():
        size = sum(file.size_bytes for file in dataset.files) / 1e6
        here = "here" if data.is_here(dataset) else "not here"
        typer.echo(f"{dataset.name:<14} {here:<9} {f'{size:.0f} MB' if size else '':<6}", nl=False)
        typer.echo(f"{dataset.title} ({dataset.licence})")
        parts = ", ".join(dict.fromkeys(name.partition("-")[2] for name in dataset.strokes))
        about = [f"by {dataset.citation}", *(f"from {url}" for url in _sources(dataset))]
        for line in (*about, *([f"parts {parts}"] if parts else [])):
            typer.echo(f"{'':<14} {line}")
    typer.echo(f"Looked for in {', then '.join(str(folder) for folder in data.folders())}")


def _sources(dataset: "DataSet") -> tuple[str, ...]:
    """Where a data set comes from."""
    return dataset.mirrors or (dataset.url if dataset.strokes else "scikit-learn",)


@data_app.command()
def fetch(name: DataSetName) -> None:
    """Download a data set, unless it is here, and verify it."""
    from inkling import data
    from inkling.cli import progress

    with progress.showing_downloads(Console(stderr=True)) as report:
        paths = data.fetch(data.get(name), report)
    where = sorted({str(path.parent) for path in paths})
    typer.echo(f"{name}: here and verified" + (f", in {', '.join(where)}" if where else ""))


@data_app.command()
def show(
    name: DataSetName,
    index: Annotated[int | None, typer.Option(help="This image, and on from it.", min=0)] = None,
    label: Annotated[int | None, typer.Option(help="Only images of this label.", min=0)] = None,
    count: Annotated[
        int | None, typer.Option(help="How many (default: 4, with --index 1).", min=1, max=1000)
    ] = None,
    colour: Annotated[bool, typer.Option("--colour", help="A heat scale, not grey.")] = False,
    png: Annotated[Path | None, typer.Option(help="Write a contact sheet instead.")] = None,
) -> None:
    """Show training images, as heat maps or in their colours, each with its label and one-hot row.

    Of a data set that only measures, those are shown that measure.
    """
    import numpy as np

    from inkling import data, plots
    from inkling.cli import display

    dataset = data.get(name)
    part, _ = data.load(dataset)
    chosen = np.arange(len(part.labels)) >= (index or 0)
    if label is not None:
        chosen &= part.labels == label
    indexes = np.flatnonzero(chosen)[: count or (4 if index is None else 1)]
    if not len(indexes):
        raise typer.BadParameter(
            f"{name} has {len(part):,} images of labels 0 to "
            f"{len(dataset.classes) - 1}, but none that fits"
        )
    images = data.Split(part.pixels[indexes], part.labels[indexes]).images()
    captions = [f"{i}: {dataset.classes[part.labels[i]]}" for i in indexes]
    if png:
        return write_picture(plots.contact_sheet(images, captions), png)
    hot = np.eye(len(dataset.classes), dtype=int)[part.labels[indexes]]
    rows = [" ".join(str(bit) for bit in row) for row in hot]
    captions = [f"{caption}\n{row}" for caption, row in zip(captions, rows, strict=True)]
    console = Console()
    return console.print(display.heat_maps(images, captions, console, colour))
