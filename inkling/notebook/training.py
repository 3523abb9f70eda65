"""A training from Python: begun, stopped, resumed and looked at. It is the run of the command line.

>>> run = inkling.train("sprint", seed=3)
>>> run.history[-1].test.accuracy
>>> run.reader.read("7.png")
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from inkling import data, system
from inkling.data import Splits
from inkling.errors import DataError, RecipeError, RunError
from inkling.experiments import events, runs
from inkling.experiments.events import Event
from inkling.experiments.recipe import Recipe
from inkling.files import RUNS
from inkling.notebook.live import Live, table
from inkling.plots import html
from inkling.reading.reader import Reader

if TYPE_CHECKING:
    from PIL.Image import Image

    from inkling.networks.written import Network


@dataclass(frozen=True)
class Run:
    """A training: its folder, which the command line and the page see as well.

    >>> run = inkling.train("mlp", "optdigits", epochs=2, out="mine", show=False)
    >>> run
    Run('mine', ended, test accuracy ...%)
    >>> run.history[-1].test.accuracy == run.accuracy
    True
    >>> run.reader.read("7.png").name in "0123456789"
    True
    """

    folder: Path

    @cached_property
    def plan(self) -> runs.Plan:
        """What it was begun with. Raises RunError where no run is there."""
        return runs.read_plan(self.folder)

    @property
    def recipe(self) -> Recipe:
        """Its recipe."""
        return self.plan.recipe

    @property
    def state(self) -> runs.State:
        """Whether it is running, here or elsewhere, was stopped, or has ended."""
        if runs.has_ended(self.folder):
            return "ended"
        return "running" if runs.is_held(self.folder) else "stopped"

    @property
    def history(self) -> list[Event]:
        """What it has reported so far: typed events."""
        return events.since(self.folder, 0)[0]

    @property
    def accuracy(self) -> float | None:
        """On the test images, in [0, 1]; None before its end."""
        ends = (event for event in self.history if isinstance(event, events.End))
        return next((event.test.accuracy for event in ends), None)

    @property
    def reader(self) -> Reader:
        """The Reader of what it has trained. Raises BundleError before its end."""
        return Reader.load(self.folder)

    def curves(self) -> "Image":
        """Loss and accuracy over its epochs, as a picture. Raises MissingExtra, RunError."""
        from inkling.plots import charts

        return charts.curves({self.folder.name: events.epochs(self.folder)})

    def resume(self, show: bool = True) -> "Run":
        """Go on after its last save; an interrupt saves again. Raises RunError where it has ended.

        With `show`, the cell or the terminal shows how it goes.
        """
        report: Callable[[Event], None] = Live(self._title) if show else lambda _: None
        with system.stopped_by_signal() as caught:
            carry_on(self.folder, report, lambda: bool(caught))
        return self

    def stop(self) -> None:
        """Save and stop it, wherever on this machine it runs. Raises RunError where it does not."""
        runs.stop(self.folder)

    @property
    def _title(self) -> str:
        plan = self.plan
        return f"{plan.recipe.name} on {plan.recipe.dataset}, seed {plan.seed}: {self.folder}"

    def __repr__(self) -> str:
        test = "" if self.accuracy is None else f", test accuracy {self.accuracy:.2%}"
        return f"Run({str(self.folder)!r}, {self.state}{test})"

    def _repr_html_(self) -> str:
        found = [event for event in self.history if isinstance(event, events.Epoch)]
        test = "" if self.accuracy is None else f", test accuracy {self.accuracy:.2%}"
        return html.panel(self._title, html.line(f"{self.state}{test}", faint=True), table(found))


def train(
    recipe: str | os.PathLike[str] | Recipe = "digits",
    dataset: str | os.PathLike[str] | Splits | None = None,
    *,
    model: "str | Network | None" = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    device: str | None = None,
    workers: int = 1,
    show: bool = True,
    **changes: object,
) -> Run:
    """Train a recipe: its name, a file with your own, or a Recipe. Gives its run.

    `dataset` is a name, the path of your own pictures or strokes, or what `load_data` and
    `from_arrays` gave. `model` is another network: a name, or a class or function of your own,
    called with the number of classes, which makes logits of images `(N, C, H, W)` in [0, 1]; the
    run keeps its source. `out` is the run's folder; by default, a new one under runs/. `changes`
    are values of the recipe by their short keys. An interrupt saves the run, and gives it: `resume`
    goes on. Raises MissingExtra, RecipeError, DataError, RunError.

    >>> run = inkling.train("sprint", "optdigits", epochs=1, batch=32, show=False)
    >>> run.state
    'ended'
    """
    system.require("Training", "train")
    from inkling import training
    from inkling.networks import custom

    if not isinstance(recipe, str | os.PathLike | Recipe):
        raise RecipeError(
            f"Expected the name of a recipe, a file or a Recipe, got {recipe!r}",
            "A network of your own is its model: inkling.train('sprint', model=Net)",
        )
    found = (recipe, None) if isinstance(recipe, Recipe) else custom.find(os.fspath(recipe))
    chosen, source = found
    if dataset is not None:
        changes["dataset"] = _name(dataset)
    if isinstance(model, str):
        changes["model"] = model
    chosen = chosen.replace(**changes)
    data.load_data(chosen.dataset, chosen.split)  # downloads it where it is not here
    with ExitStack() as files:
        if not isinstance(model, str | None):
            chosen, source = files.enter_context(custom.written(model, chosen))
        folder = Path(out) if out is not None else runs.new_folder(RUNS / chosen.name)
        training.create(folder, chosen, seed, device, source, workers)
    return Run(folder).resume(show)


def _name(dataset: str | os.PathLike[str] | Splits) -> str:
    """The name that a run keeps of its data set. Raises DataError of parts that were changed."""
    if not isinstance(dataset, Splits):
        return os.fspath(dataset)
    whole = data.load(data.get(dataset.name)) if dataset.name else ()
    given = (dataset.train, dataset.validation or (), dataset.test)
    if sum(map(len, given)) != sum(map(len, whole)):
        raise DataError(
            f"Expected all of a data set as it was loaded, got {dataset!r}",
            "Make one of your own: inkling.from_arrays(part.pixels, part.labels)",
        )
    return dataset.name


def open_run(folder: str | os.PathLike[str]) -> Run:
    """A run that is there, as of the command line. Raises RunError.

    >>> inkling.train("mlp", "optdigits", epochs=1, out="mine", show=False).state
    'ended'
    >>> inkling.open_run("mine").recipe.dataset
    'optdigits'
    """
    run = Run(Path(folder))
    if not (run.folder / runs.PLAN).is_file():
        raise RunError(f"{folder}: expected the folder of a run", "Begin one with inkling.train()")
    return run


def carry_on(
    run: Path, report: Callable[[Event], None], should_stop: Callable[[], bool] = lambda: False
) -> bool:
    """Train a run to its end: in this process, or by the workers of its plan.

    See training.train. Raises RunError, and MissingExtra.
    """
    if runs.read_plan(run).workers > 1:
        from inkling.scale import training as together

        return together.train(run, report, should_stop)
    from inkling import training

    return training.train(run, report, should_stop)
