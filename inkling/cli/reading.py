"""The commands that use a bundle: test, read."""

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from inkling.cli.bulk import EngineOption, WorkersOption, read_in_bulk
from inkling.cli.options import (
    BUNDLE_HELP,
    BundleOption,
    Json,
    bundle_folder,
    complain,
    write_picture,
)
from inkling.errors import InkError, InklingError
from inkling.reading.formats import NAMED

if TYPE_CHECKING:
    from PIL.Image import Image

    from inkling.bulk.rows import What
    from inkling.data import Split
    from inkling.reading.numbers import Number
    from inkling.reading.reader import Reading

commands = typer.Typer()
MENTIONED = 0.05  # confidence of another text, from which on it is reported


@commands.command("test")
def measure(
    path: Annotated[
        Path | None, typer.Argument(metavar="[BUNDLE]", help=BUNDLE_HELP, show_default=False)
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            help="Not the bundle's own data set: NAME, NAME:PART, or the path of your own pictures "
            "(LABEL/NAME.png) or pen strokes (.jsonl, .inkml, .dat). Repeat it for a table.",
            show_default=False,
        ),
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write the confusion matrix.")
    ] = None,
    mistakes: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Write the worst mistakes.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a bundle on the test part of its data set, or on others, one row each.

    Parts of whole numbers, as unipen:numbers-dev, are for bundles that read lines.
    """
    if dataset and all(name.partition(":")[2].startswith("numbers") for name in dataset):
        _measure_numbers(bundle_folder(path), dataset, as_json)
        return
    import numpy as np

    from inkling import acceptance, metrics, plots
    from inkling.cli import display
    from inkling.reading.reader import Reader

    reader = Reader.load(bundle_folder(path), threads=os.cpu_count() or 1)
    names = reader.card.classes
    parts = [(name, _part(name, names)) for name in dataset or [reader.card.dataset]]
    sources, images, probabilities = [], [], []
    for name, split in parts:
        images.append(split.images())
        probabilities.append(reader.probabilities(images[-1]))
        accepted = (
            reader.accepts(images[-1]) if reader.card.acceptance else np.ones(len(split), bool)
        )
        sources.append(
            acceptance.measure(name, probabilities[-1], accepted, split.labels, split.writers)
        )
    labels = np.concatenate([split.labels for _, split in parts])
    rows = np.concatenate(probabilities)
    counts = metrics.confusion(labels, rows.argmax(1), len(names))
    if confusion:
        write_picture(plots.confusion_matrix(counts, names), confusion)
    if mistakes:
        worst = metrics.worst_mistakes(rows, labels, 50)
        captions = [f"{names[labels[i]]} as {names[rows[i].argmax()]}" for i in worst]
        if len(worst):
            write_picture(plots.contact_sheet(np.concatenate(images)[worst], captions), mistakes)
    measures = metrics.measure(rows, labels)
    if as_json:
        precision, recall = metrics.precision_recall(counts)
        report = {"dataset": ", ".join(name for name, _ in parts)} | dataclasses.asdict(measures)
        report |= {"precision": precision.tolist(), "recall": recall.tolist()}
        report |= {"confusion": counts.tolist()}
        typer.echo(json.dumps(report | {"sources": [dataclasses.asdict(one) for one in sources]}))
        return
    console = Console()
    if len(parts) == 1:
        console.print(display.confusion_table(counts, names))
        console.print(
            f"{parts[0][0]} test: {display.describe(measures)}", highlight=False, soft_wrap=True
        )
    console.print(display.source_table(sources, names, promised=bool(reader.card.acceptance)))


def _measure_numbers(folder: Path | None, names: list[str], as_json: bool) -> None:
    """Measure a bundle that reads lines. Raises BundleError, DataError."""
    import numpy as np

    from inkling import acceptance, data, ink
    from inkling.cli import display
    from inkling.ink.lines import of_strokes
    from inkling.reading.bundle import NUMBERS
    from inkling.reading.numbers import LineReader

    reader = LineReader.load(folder or NUMBERS, threads=os.cpu_count() or 1)
    threshold = reader.threshold()
    sources = []
    for name in names:
        dataset, _, part = name.partition(":")
        items = data.items(data.get(dataset), part)
        read = [reader.read(of_strokes(ink.Drawing(one.strokes)), threshold) for one in items]
        pairs = zip(items, read, strict=True)
        texts = acceptance.Texts(
            name,
            np.array([one.confidence for one in read]),
            np.array([data.says(dataset, item.label, one.text) for item, one in pairs]),
            np.array([item.writer for item in items]),
        )
        accepted = np.array([bool(one.accepted) for one in read])
        sources.append(acceptance.measure_texts(texts, accepted))
    if as_json:
        typer.echo(json.dumps({"sources": [dataclasses.asdict(one) for one in sources]}))
    else:
        table = display.source_table(sources, (), promised=threshold is not None)
        Console().print(table)


def _part(name: str, classes: tuple[str, ...]) -> "Split":
    """The part of a data set of that name, whose classes are a bundle's. Raises InklingError."""
    from inkling import data

    entry = data.get(name.partition(":")[0] if not data.is_own(name) else name)
    if entry.classes != classes:
        raise InklingError(
            f"Expected a data set of {', '.join(classes)}; {name} has {', '.join(entry.classes)}",
            "Name another with --dataset",
        )
    split = data.part(name)
    if not len(split.labels):
        raise InklingError(f"Expected images in {name}, found none", "Name another part of it")
    return split


@commands.command()
def read(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Pictures, PDF or TIFF files, folders of these, or - for standard input.",
        ),
    ],
    bundle: BundleOption = None,
    min_accuracy: Annotated[
        float | None,
        typer.Option(help="Accept only what is correct this often, as 0.9999.", min=0, max=1),
    ] = None,
    number: Annotated[
        bool, typer.Option("--number", help="Read a number instead of one digit.")
    ] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Read every row, a number each, from top to bottom.")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help=f"What a number looks like: {', '.join(NAMED)}, or a regular expression.",
        ),
    ] = None,
    minimum: Annotated[float | None, typer.Option("--min", help="Its smallest value.")] = None,
    maximum: Annotated[float | None, typer.Option("--max", help="Its largest value.")] = None,
    check: Annotated[
        str | None, typer.Option(help="Its check digit: luhn, ean13, mod11, or iban:DE.")
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV table.")] = False,
    explain: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG", help="Write which ink speaks for the reading, red, and against it, blue."
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PARQUET",
            help="Read in bulk into a table, on all cores: also .npy, IDX and Parquet files, "
            "patterns, and s3:// addresses. The same command goes on after a stop.",
        ),
    ] = None,
    engine: EngineOption = "processes",
    workers: WorkersOption = None,
) -> None:
    """Read the digit in each picture, or the number, or every row of numbers."""
    import csv

    import numpy as np

    from inkling import plots
    from inkling.reading.answers import of_reading
    from inkling.reading.formats import Constraints
    from inkling.reading.reader import Reader, Reading
    from inkling.reading.registry import PRETRAINED

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    constraints = Constraints.of(form, minimum, maximum, check)
    if constraints and not (number or lines):
        raise typer.BadParameter("--format, --min, --max and --check go with --number or --lines")
    if number and lines:
        raise typer.BadParameter("--number and --lines exclude each other")
    if explain and (number or lines):
        raise typer.BadParameter("--explain is for one digit, not for --number or --lines")
    folder = bundle_folder(bundle)
    if out is not None:
        if as_json or as_csv or explain:
            raise typer.BadParameter("--out excludes --json, --csv and --explain")
        kind: What = "lines" if lines else "number" if number else "digit"
        read_in_bulk(files, out, folder, (kind, min_accuracy, constraints), engine, workers)
        return
    reader = Reader.load(folder)
    if sys.stderr.isatty():  # not where another program reads what is said
        where, digest = folder or PRETRAINED, reader.card.model_sha256[:12]
        typer.echo(f"Reading with the bundle {where} ({digest})", err=True)
    reader.threshold(min_accuracy)  # which may be more than it can promise, whatever is read
    table = csv.writer(sys.stdout)
    if as_csv:
        what = ["number"] if number or lines else ["label", "name"]
        table.writerow(["file", *(["row"] if lines else []), *what, "confidence", "accepted"])
    code, tiles, captions = 0, [], []
    for name, of, picture in _pages(_pictures(files)):
        try:
            if isinstance(picture, InkError):
                raise picture  # as what reading raises
            reading: Reading | Number | tuple[Number, ...]
            if lines:
                reading = reader.read_lines(picture, min_accuracy, constraints)
            elif number:
                reading = reader.read_number(picture, min_accuracy, constraints)
            else:
                reading = reader.read(picture, min_accuracy)
        except InkError as error:
            code = complain(error, of)
            continue
        if explain and isinstance(reading, Reading):
            tiles.append(plots.explained(reading.image[None], reader.explain(reading)[None, None]))
            captions.append(f"{reading.name}, not {reader.card.classes[reading.second]}")
        if as_json:
            answer = of_reading(reading, reader)
            typer.echo(json.dumps({"file": name} | answer.model_dump(exclude_unset=True)))
            continue
        found = reading if isinstance(reading, tuple) else (reading,)
        for row, one in enumerate(found, 1):
            if as_csv:
                said = [one.label, one.name] if isinstance(one, Reading) else [one.text]
                accepted = "" if one.accepted is None else one.accepted
                place = [row] if lines else []
                table.writerow([name, *place, *said, f"{one.confidence:.6f}", accepted])
            else:
                where = f"{name} row {row}" if len(found) > 1 else name
                typer.echo(f"{where}: {_spoken(one, reader.card.classes)}")
    if explain and tiles:
        write_picture(plots.contact_sheet(np.concatenate(tiles), captions), explain)
    raise typer.Exit(code)


def _spoken(reading: "Reading | Number", names: Sequence[str]) -> str:
    """A reading in words."""
    from inkling.reading.reader import Reading

    if isinstance(reading, Reading):
        said = [reading.name, *(names[label] for label in (reading.labels or ())[1:3])]
    else:
        others = (text for text, share in reading.alternatives if share > MENTIONED)
        said = [reading.text or "nothing", *others][:3]
    if reading.accepted is not False:
        return f"{said[0]} ({reading.confidence:.1%})"
    return f"not sure, perhaps {' or '.join(said)} ({reading.confidence:.1%})"


def _pictures(files: list[str]) -> Iterator[str | InkError]:
    """The files as named, and the pictures in each folder named, in order of their names.

    A folder without pictures gives the error that says so.
    """
    from inkling import ink

    for name in files:
        if name != "-" and os.path.isdir(name):  # noqa: PTH112  # Path.is_dir raises for long names
            try:
                yield from ink.pictures_in(name)
            except InkError as error:
                yield error
        else:
            yield name


def _pages(
    files: Iterable[str | InkError],
) -> Iterator[tuple[str, str, "Image | InkError"]]:
    """Each page of each file: its name, what is to stand before its error, and the picture.

    What cannot be opened or decoded is the error instead.
    """
    from inkling import ink

    for file in files:
        try:
            if isinstance(file, InkError):
                raise file
            pages = ink.pages(sys.stdin.buffer.read() if file == "-" else file)
        except InkError as error:  # which names a file, but not standard input
            yield str(file), "standard input: " if file == "-" else "", error
            continue
        for index in range(len(pages)):
            page = f" page {index + 1}" if len(pages) > 1 else ""
            of = f"{'standard input' if file == '-' else file}{page}: "
            try:
                picture: Image | InkError = pages[index]
            except InkError as error:
                picture = error
            yield f"{file}{page}", of, picture
