"""The commands that train and show what was trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from inkling import system
from inkling.cli.options import (
    BUNDLE_HELP,
    MAX_SEED,
    RUNS,
    STOPPED,
    bundle_folder,
    shown_as,
    write_picture,
)

if TYPE_CHECKING:
    from inkling.experiments.recipe import Recipe

commands = typer.Typer()
RECIPE_HELP = "A name (see: inkling recipes), or a Python file with your own recipe"
SHOWN_TRIALS = 5  # of a search, the best


@commands.command("recipes")
def list_recipes(
    name: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="Only this one.")] = None,
) -> None:
    """List the recipes, or one with every value."""
    from inkling.cli import display
    from inkling.experiments.recipes import RECIPES, get

    console = Console()
    if name:
        console.print(display.recipe_table(get(name)))
    else:
        console.print(display.recipe_list(list(RECIPES.values())))


@commands.command()
def train(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="[RECIPE]", help=f"{RECIPE_HELP} (default: digits)"),
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Instead of the recipe's data set.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Instead of the recipe's epochs.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", min=0, max=MAX_SEED)] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value; may be repeated."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, mps (default: the best)")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder (default: a new one under runs/)")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a stopped run.")
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Processes of a Ray cluster that divide each batch.", min=1)
    ] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one event a line.")] = False,
) -> None:
    """Train a recipe: the run's folder holds, at the end, a bundle, tested once."""
    from inkling.cli import progress
    from inkling.experiments.recipe import change

    if resume and (recipe or dataset or epochs or seed or settings or device or out or workers > 1):
        raise typer.BadParameter("--resume goes on with a run as it is: give no other option")
    changes = [*(settings or [])]
    changes += [f"dataset={dataset}"] if dataset is not None else []
    changes += [f"epochs={epochs}"] if epochs is not None else []
    console = Console()
    shown = shown_as(console, quiet, as_json)
    with system.stopped_by_signal() as caught:  # before PyTorch is imported, which takes seconds
        chosen, source = _recipe(recipe or "digits")
        chosen = change(chosen, changes)
        from inkling import training
        from inkling.experiments import runs
        from inkling.notebook.training import carry_on

        run = resume or out or runs.new_folder(RUNS / chosen.name)
        if not resume:
            _fetch(chosen.dataset, quiet, caught)
            training.create(run, chosen, seed, device, source, workers)
            _report_missing(chosen, quiet or as_json)
        with progress.TrainingDisplay(shown, console) as show:
            ended = carry_on(run, show, lambda: bool(caught))
    if not ended:
        raise typer.Exit(STOPPED + caught[0])


@commands.command("record")
def take_record(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)],
    seeds: Annotated[int, typer.Option(help="How many, from seed 0 on.", min=1)] = 5,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, mps (default: the best)")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The record's file (default: results/RECIPE.json)")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Delete the record and its runs first.")
    ] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Also if the package differs from its commit.")
    ] = False,
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(help="Train the seeds side by side on a Ray cluster.", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one event a line.")] = False,
) -> None:
    """Train a recipe over seeds and write its record; the same command goes on with it."""
    from inkling.cli import display, progress

    chosen, source = _recipe(recipe)
    from inkling.training import record

    spread: record.Spread | None = None
    if engine:
        from inkling.scale import training

        spread = training.spread
    _fetch(chosen.dataset, quiet)
    path = out or Path("results") / f"{chosen.name}.json"
    console = Console()
    shown = shown_as(console, quiet, as_json)
    with system.stopped_by_signal() as caught, progress.RecordDisplay(shown, console) as show:
        made = record.take_record(
            chosen,
            seeds,
            path,
            show,
            lambda: bool(caught),
            device=device,
            source=source,
            restart=restart,
            allow_dirty=allow_dirty,
            spread=spread,
        )
    if made is None:
        raise typer.Exit(STOPPED + caught[0])
    if shown in ("live", "lines"):
        console.print(display.describe_record(made, path), highlight=False, soft_wrap=True)


@commands.command("tune")
def search(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)],
    space: Annotated[
        list[str],
        typer.Option(
            metavar="KEY=VALUES",
            help="What to try: A|B|C, LOW..HIGH, or log:LOW..HIGH; may be repeated.",
        ),
    ],
    trials: Annotated[int, typer.Option(help="How many.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Of every trial.", min=0, max=MAX_SEED)] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The search's folder (default: a new one under runs/)")
    ] = None,
) -> None:
    """Search for the values of a recipe on validation images, side by side on a Ray cluster."""
    from inkling.experiments import runs
    from inkling.scale import tuning

    chosen, source = _recipe(recipe)
    folder = out or runs.new_folder(RUNS / f"{chosen.name}-tune")
    _fetch(chosen.dataset, quiet=False)
    found = tuning.search(chosen, source, tuning.space_of(space), trials, folder, seed)
    console = Console()
    for trial in found[:SHOWN_TRIALS]:
        values = " ".join(f"--set {key}={value}" for key, value in trial.settings.items())
        figure = trial.error or f"{trial.accuracy:.2%} of validation in {trial.epochs} epochs"
        console.print(f"{figure}: {values}", highlight=False, soft_wrap=True)
    console.print(f"{len(found)} trials in {folder / tuning.TRIALS}", highlight=False)


@commands.command("leaderboard")
def show_leaderboard(
    board: Annotated[
        str | None, typer.Argument(metavar="[BOARD]", help="time, accuracy, challenge")
    ] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the records and claims as Markdown.")
    ] = False,
) -> None:
    """Show the boards: records, your own runs, and the claims of others."""
    from inkling.cli import display
    from inkling.experiments import leaderboard

    rows = [*leaderboard.record_rows(leaderboard.records_folder()), *leaderboard.claims()]
    if as_markdown:
        typer.echo(leaderboard.markdown(leaderboard.sections(rows, board)), nl=False)
        return
    mine = leaderboard.record_rows(leaderboard.records_folder(), Path("results"))
    rows = [*mine, *leaderboard.run_rows(), *leaderboard.claims()]
    console = Console()
    for part in leaderboard.sections(rows, board):
        console.print(display.board_table(part))
    typer.echo("A claim is what others report of their own work; its source: --markdown")


def _report_missing(recipe: "Recipe", quiet: bool) -> None:
    """Say which data sets of pen strokes a recipe asks for and will do without."""
    from inkling.training.learner import without_missing

    _, missing = without_missing(recipe)
    if missing and not quiet:
        typer.echo(
            f"Training without the pen strokes of {', '.join(missing)}, which are not here; "
            "see: inkling data list",
            err=True,
        )


def _fetch(name: str, quiet: bool, caught: Sequence[int] = ()) -> None:
    """Download a data set that is not here, so that one command trains; a signal ends it."""
    from inkling import data
    from inkling.cli import progress

    if not data.is_here(dataset := data.get(name)):
        console = Console(stderr=True, quiet=quiet)
        console.print(f"Fetching {name}, which is not here yet")
        with progress.showing_downloads(console) as report:

            def reported(file: str, done: int, total: int) -> None:
                if caught:
                    raise KeyboardInterrupt
                report(file, done, total)

            data.fetch(dataset, reported)


def _recipe(name: str) -> tuple["Recipe", Path | None]:
    """The recipe of that name, or that of a file, and the file. Raises MissingExtra."""
    system.require("Training", "train")
    from inkling.networks import custom

    return custom.find(name)


@commands.command("curves")
def show_curves(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    png: Annotated[Path | None, typer.Option(help="Write a chart instead.")] = None,
) -> None:
    """Show loss and accuracy of one or several runs, epoch by epoch."""
    from inkling.cli import display
    from inkling.experiments import events

    found = {str(run): events.epochs(run) for run in runs}
    if png:
        from inkling.plots import charts

        return write_picture(charts.curves(found), png)
    console = Console()
    return console.print(display.curves(found, console))


@commands.command("show-weights")
def show_weights(
    path: Annotated[
        Path | None, typer.Argument(metavar="[BUNDLE_OR_RUN]", help=BUNDLE_HELP, show_default=False)
    ] = None,
    count: Annotated[int, typer.Option(help="How many, from the first on.", min=1)] = 100,
    png: Annotated[
        Path | None, typer.Option(help="Write a sheet instead, red above 0 and blue below.")
    ] = None,
) -> None:
    """Show what the first layer has learnt: each unit's weights, or each filter, as an image."""
    from inkling import plots
    from inkling.cli import display
    from inkling.reading import bundle

    system.require("Showing weights", "train")
    from inkling.training import weights

    images = weights.first_layer(bundle_folder(path) or bundle.PRETRAINED)[:count]
    captions = [str(index) for index in range(len(images))]
    if png:
        return write_picture(plots.contact_sheet(plots.tint(images), captions), png)
    console = Console()
    return console.print(display.weight_maps(images, captions, console))
