"""The command line: parse, call one function, print. The only file that knows Typer."""

import dataclasses
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from inkling import __version__
from inkling.errors import InkError, InklingError, MissingExtra

if TYPE_CHECKING:
    from PIL.Image import Image

    from inkling.recipes import Recipe
    from inkling.terminal import Shown

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")  # taken from a folder
FOUND_WRONG, STOPPED = 1, 128  # exit codes; 128 + the signal's number is the shell's custom

app = typer.Typer(
    name="inkling",
    help="Handwritten digits, end to end: data, training, measuring, reading, serving.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="The data sets: list, fetch, show.", no_args_is_help=True)
app.add_typer(data_app, name="data")

DataSetName = Annotated[str, typer.Argument(metavar="NAME", help="mnist, fashion-mnist, optdigits")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
BUNDLE_HELP = "A bundle's or run's folder (default: the one that ships)"
RECIPE_HELP = "A name (see: inkling recipes), or a Python file with one of your own"
BundleOption = Annotated[Path | None, typer.Option("--bundle", help=BUNDLE_HELP)]


def main() -> None:
    """Run the command line; an InklingError becomes its one line and exit code 1."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except InklingError as error:
        sys.exit(_complain(error))


def _complain(error: InklingError, of: str = "") -> int:
    typer.echo(f"inkling: {of}{error}", err=True)
    return FOUND_WRONG


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


@data_app.command("list")
def list_data() -> None:
    """Say which data sets are here, which are not, how large they are and from where."""
    from inkling import data
    from inkling.catalog import CATALOG

    for dataset in CATALOG.values():
        size = sum(file.size_bytes for file in dataset.files) / 1e6
        here = "here" if data.is_here(dataset) else "not here"
        typer.echo(f"{dataset.name:<14} {here:<9} {f'{size:.0f} MB' if size else '':<6}", nl=False)
        typer.echo(f"{dataset.title} ({dataset.licence})")
        for source in dataset.mirrors or ("scikit-learn",):
            typer.echo(f"{'':<14} from {source}")
    typer.echo(f"Looked for in {', then '.join(str(folder) for folder in data.folders())}")


@data_app.command()
def fetch(name: DataSetName) -> None:
    """Download a data set, unless it is here, and verify it."""
    from inkling import catalog, data, terminal

    with terminal.showing_downloads(Console(stderr=True)) as report:
        paths = data.fetch(catalog.get(name), report)
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
    """Show training images as heat maps, each with its label and one-hot row."""
    import numpy as np

    from inkling import catalog, data, pictures, terminal

    dataset = catalog.get(name)
    part, _ = data.load(dataset)
    chosen = np.arange(len(part.labels)) >= (index or 0)
    if label is not None:
        chosen &= part.labels == label
    indexes = np.flatnonzero(chosen)[: count or (4 if index is None else 1)]
    if not len(indexes):
        raise typer.BadParameter(
            f"{name} has {len(part.labels):,} training images of labels 0 to "
            f"{len(dataset.classes) - 1}, but none that is asked for"
        )
    images = data.Split(part.pixels[indexes], part.labels[indexes]).images()
    captions = [f"{i}: {dataset.classes[part.labels[i]]}" for i in indexes]
    if png:
        return _write_picture(pictures.contact_sheet(images, captions), png)
    hot = np.eye(len(dataset.classes), dtype=int)[part.labels[indexes]]
    rows = [" ".join(str(bit) for bit in row) for row in hot]
    captions = [f"{caption}\n{row}" for caption, row in zip(captions, rows, strict=True)]
    console = Console()
    return console.print(terminal.heat_maps(images, captions, console, colour))


@app.command("recipes")
def list_recipes(
    name: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="Only this one.")] = None,
) -> None:
    """List the recipes, or one with every value."""
    from inkling import terminal
    from inkling.recipes import RECIPES, get

    console = Console()
    if name:
        console.print(terminal.recipe_table(get(name)))
    else:
        console.print(terminal.recipe_list(list(RECIPES.values())))


@app.command()
def train(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="[RECIPE]", help=f"{RECIPE_HELP} (default: digits)"),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Not the recipe's own data set.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Not the recipe's own epochs.")] = None,
    seed: Annotated[int, typer.Option(help="Decides all that is random.", min=0)] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value; may be repeated."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, mps (default: the best)")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder (default: a new one under runs/)")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a stopped run, as it was begun.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one event a line.")] = False,
) -> None:
    """Train a recipe: to a run's folder and, at its end, a bundle, tested once."""
    from inkling import recipes, terminal

    if resume and (recipe or dataset or epochs or seed or settings or device or out):
        raise typer.BadParameter("--resume goes on with the run as it was begun: give it alone")
    changes = [*(settings or [])]
    changes += [f"dataset={dataset}"] if dataset is not None else []
    changes += [f"epochs={epochs}"] if epochs is not None else []
    chosen, source = _recipe(recipe or "digits")
    chosen = recipes.change(chosen, changes)
    from inkling import train as training

    run = resume or out or Path("runs") / f"{chosen.name}-{datetime.now():%Y%m%d-%H%M%S}"
    if not resume:
        training.create(run, chosen, seed, device, source)
    console = Console()
    shown = _shown(console, quiet, as_json)
    with _stopped_by_signal() as caught, terminal.TrainingDisplay(shown, console) as display:
        ended = training.train(run, display, lambda: bool(caught))
    if not ended:
        raise typer.Exit(STOPPED + caught[0])


@app.command("record")
def take_record(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)],
    seeds: Annotated[int, typer.Option(help="How many, from seed 0 on.", min=1)] = 5,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, mps (default: the best)")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The record's file (default: results/RECIPE.json)")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Forget the seeds that are done.")] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Though the package differs from its commit.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one event a line.")] = False,
) -> None:
    """Train a recipe over seeds and write its record; the same command goes on with it."""
    from inkling import terminal

    chosen, source = _recipe(recipe)
    from inkling import record

    path = out or Path("results") / f"{chosen.name}.json"
    console = Console()
    shown = _shown(console, quiet, as_json)
    with _stopped_by_signal() as caught, terminal.RecordDisplay(shown, console) as display:
        made = record.record(
            chosen,
            seeds,
            path,
            display,
            lambda: bool(caught),
            device=device,
            source=source,
            anew=anew,
            allow_dirty=allow_dirty,
        )
    if made is None:
        raise typer.Exit(STOPPED + caught[0])
    if shown in ("live", "lines"):
        console.print(terminal.describe_record(made, path), highlight=False, soft_wrap=True)


@app.command("leaderboard")
def show_leaderboard(
    board: Annotated[
        str | None, typer.Argument(metavar="[BOARD]", help="time, accuracy, challenge")
    ] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the records and claims as Markdown.")
    ] = False,
) -> None:
    """Show the boards: records, your own runs, and the claims of others."""
    from inkling import leaderboard, terminal

    rows = [*leaderboard.record_rows(leaderboard.records_folder()), *leaderboard.CLAIMS]
    if as_markdown:
        typer.echo(leaderboard.markdown(leaderboard.sections(rows, board)), nl=False)
        return
    mine = leaderboard.record_rows(leaderboard.records_folder(), Path("results"))
    rows = [*mine, *leaderboard.run_rows(), *leaderboard.CLAIMS]
    console = Console()
    for part in leaderboard.sections(rows, board):
        console.print(terminal.board_table(part))
    typer.echo("A claim is what others say of their own; its source: --markdown")


def _recipe(name: str) -> tuple["Recipe", Path | None]:
    """The recipe of that name, or of that file and the file; PyTorch is there after it."""
    from inkling import recipes

    try:
        from inkling import own
    except ImportError as cause:
        raise MissingExtra("Training", str(cause.name), "train") from cause
    if name.endswith(".py"):
        return own.load(Path(name)), Path(name)
    return recipes.get(name), None


def _shown(console: Console, quiet: bool, as_json: bool) -> "Shown":
    if quiet or as_json:
        return "nothing" if quiet else "json"
    return "live" if console.is_terminal else "lines"


@contextmanager
def _stopped_by_signal() -> Iterator[list[int]]:
    """A list that gets the number of the first Ctrl-C or SIGTERM; a second one acts at once."""
    caught: list[int] = []

    def catch(number: int, _: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@app.command("test")
def measure(
    path: Annotated[
        Path | None, typer.Argument(metavar="[BUNDLE]", help=BUNDLE_HELP, show_default=False)
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Not the bundle's own data set.")] = None,
    confusion: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write the confusion matrix.")
    ] = None,
    mistakes: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write the worst mistakes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a bundle on the test part of a data set."""
    from inkling import catalog, data, evaluate, pictures, terminal
    from inkling.reader import Reader

    reader = Reader.load(path, threads=os.cpu_count() or 1)
    entry = catalog.get(dataset or reader.card.dataset)
    names = entry.classes
    if names != reader.card.classes:
        raise InklingError(
            f"Expected a data set of {', '.join(reader.card.classes)}; "
            f"{entry.name} has {', '.join(names)}",
            "Name another with --dataset",
        )
    _, split = data.load(entry)
    images = split.images()
    probabilities = reader.probabilities(images)
    measures = evaluate.measure(probabilities, split.labels)
    predictions = probabilities.argmax(1)
    counts = evaluate.confusion(split.labels, predictions, len(names))
    if confusion:
        _write_picture(pictures.confusion_matrix(counts, names), confusion)
    if mistakes:
        worst = evaluate.worst_mistakes(probabilities, split.labels, 50)
        captions = [f"{names[split.labels[i]]} as {names[predictions[i]]}" for i in worst]
        if len(worst):
            _write_picture(pictures.contact_sheet(images[worst], captions), mistakes)
    if as_json:
        precision, recall = evaluate.precision_recall(counts)
        report = {"dataset": entry.name} | dataclasses.asdict(measures)
        report |= {"precision": precision.tolist(), "recall": recall.tolist()}
        typer.echo(json.dumps(report | {"confusion": counts.tolist()}))
        return
    console = Console()
    console.print(terminal.confusion_table(counts, names))
    console.print(
        f"{entry.name} test: {terminal.describe(measures)}", highlight=False, soft_wrap=True
    )


@app.command()
def read(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Pictures, folders of pictures, or - for standard input."
        ),
    ],
    bundle: BundleOption = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV table.")] = False,
) -> None:
    """Read the digit in each picture."""
    import csv

    from inkling.reader import Reader

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    reader = Reader.load(bundle)
    table = csv.writer(sys.stdout)
    if as_csv:
        table.writerow(["file", "label", "name", "confidence"])
    code = 0
    for name in _pictures(files):
        try:
            reading = reader.read(sys.stdin.buffer.read() if name == "-" else name)
        except InkError as error:
            code = _complain(error, "standard input: " if name == "-" else "")
            continue
        if as_json:
            content = reading.to_json()
            del content["image"]
            typer.echo(json.dumps({"file": name} | content))
        elif as_csv:
            table.writerow([name, reading.label, reading.name, f"{reading.confidence:.6f}"])
        else:
            typer.echo(f"{name}: {reading.name} ({reading.confidence:.1%})")
    raise typer.Exit(code)


def _pictures(files: list[str]) -> Iterator[str]:
    """The files as named, and the pictures in each folder named, in order of their names."""
    for name in files:
        if name != "-" and Path(name).is_dir():
            inside = Path(name).rglob("*")
            found = sorted(str(path) for path in inside if path.suffix.lower() in PICTURES)
            yield from found or [name]  # which is then told to be no picture
        else:
            yield name


@app.command()
def serve(
    bundle: BundleOption = None,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
) -> None:
    """Serve the page to draw on, and the API."""
    from inkling import web
    from inkling.reader import Reader

    web.serve(
        Reader.load(bundle), host, port, lambda address: typer.echo(f"Inkling reads at {address}")
    )


def _write_picture(picture: "Image", path: Path) -> None:
    try:
        picture.save(path, format="PNG")
    except OSError as cause:
        raise InklingError(
            f"{path}: expected a file to write to, but {cause.strerror or cause}", "Name another"
        ) from cause
    typer.echo(f"Wrote {path}", err=True)
