"""A user's own recipe: a Python file that holds `recipe`, and `model(classes)` if it says so.

    recipe = Recipe(name="mine", about="...", model="custom", dataset="fashion-mnist", epochs=5)

    def model(classes: int) -> nn.Module: ...  # images (N, C, H, W) in [0, 1] -> logits (N, K)

The file is run, as any Python file that a user names; it is checked before anything trains.
"""

import re
import runpy
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Generator, nn

from inkling import data
from inkling.errors import InklingError, RecipeError
from inkling.experiments.recipe import Recipe
from inkling.experiments.recipes import RECIPES, get
from inkling.ink import Shape
from inkling.networks import architectures
from inkling.networks.written import Network, as_file

WAY_OUT = "See docs/own-recipe.md for one that runs"


def find(name: str) -> tuple[Recipe, Path | None]:
    """The recipe of that name, or that of a file (.py), and the file. Raises RecipeError."""
    if name.endswith(".py"):
        return load(Path(name)), Path(name)
    return get(name), None


def load(path: Path) -> Recipe:
    """The recipe of a file, once its network has been built and tried. Raises RecipeError."""
    content = _run(path)
    recipe = content.get("recipe")
    if not isinstance(recipe, Recipe):
        raise RecipeError(
            f"{path}: expected `recipe = Recipe(...)`, got {type(recipe).__name__}", WAY_OUT
        )
    if not re.fullmatch(r"[\w.-]+", recipe.name) or recipe.name in RECIPES:
        raise RecipeError(
            f"{path}: expected a name of letters, digits, dots and dashes that no other recipe "
            f"has, got {recipe.name!r}",
            "Change the recipe's name",
        )
    architectures.check(recipe.model)
    if recipe.model == "custom":
        dataset, rng = data.get(recipe.dataset), torch.Generator().manual_seed(0)
        build(path, len(dataset.classes), rng, dataset.shape)
    return recipe


def build(
    path: Path, classes: int, generator: Generator, shape: Shape = architectures.DIGIT
) -> nn.Module:
    """The network that the file makes, its random numbers decided by `generator`.

    Raises RecipeError unless two images of that shape become finite logits `(2, K)`.
    """
    make = _run(path).get("model")
    if not callable(make):
        raise RecipeError(f"{path}: expected a function `model(classes)`, found none", WAY_OUT)
    return _built(make, path, classes, generator, shape)


@contextmanager
def written(model: Network, recipe: Recipe) -> Iterator[tuple[Recipe, Path]]:
    """A recipe with a class or function as its network, and, within this, a file that holds both.

    The network is tried first. Raises RecipeError.
    """
    name = getattr(model, "__name__", type(model).__name__)
    dataset, rng = data.get(recipe.dataset), torch.Generator().manual_seed(0)
    _built(model, Path(name), len(dataset.classes), rng, dataset.shape)
    about = f"{recipe.name}, with a network of one's own"
    recipe = replace(recipe, name=name.lower(), about=about, model="custom")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.py"
        path.write_text(as_file(model, recipe), encoding="utf-8")
        yield recipe, path


def _built(
    make: Network, path: Path, classes: int, generator: Generator, shape: Shape
) -> nn.Module:
    """See `build`; errors name `path`."""
    with torch.random.fork_rng(devices=[]), reported(path):
        torch.manual_seed(generator.initial_seed())
        model = make(classes)
    if not isinstance(model, nn.Module):
        raise RecipeError(
            f"{path}: expected model({classes}) to give an nn.Module, got {type(model).__name__}",
            WAY_OUT,
        )
    with reported(path), torch.no_grad():
        logits = model.eval()(torch.zeros(2, *shape))
    given = tuple(getattr(logits, "shape", ()))
    if given != (2, classes) or not logits.isfinite().all():
        raise RecipeError(
            f"{path}: expected two images to become finite logits (2, {classes}), got {given}",
            WAY_OUT,
        )
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a stub lacks it
    return model.train()


def _run(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise RecipeError(f"{path}: expected a Python file, found none", "See: inkling recipes")
    with reported(path):
        return runpy.run_path(str(path))


@contextmanager
def reported(path: Path, expected: str = "runs") -> Iterator[None]:
    """What the file's own code raises becomes one line that names the line it comes from."""
    try:
        yield
    except InklingError:
        raise
    except Exception as cause:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(cause.__traceback__)
            if frame.filename == str(path)
        ]
        line = cause.lineno if isinstance(cause, SyntaxError) else lines[-1] if lines else None
        where = f" line {line}" if line else ""
        what = str(cause).split("\n")[0]
        raise RecipeError(
            f"{path}{where}: expected a recipe that {expected}, but {type(cause).__name__}: {what}",
            WAY_OUT,
        ) from cause
