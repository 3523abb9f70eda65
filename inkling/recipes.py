"""The recipes: every number of a training, frozen, with its unit or meaning.

`mlp` is the network of the tutorial "Recognize Digits Using ML in Elixir" (Nx, Axon, LiveView),
`cnn` that of the Elixir Fashion-MNIST challenge, `digits` the one Inkling ships.
Pattern: nanochat, GPTConfig.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from inkling.errors import RecipeError, suggest


@dataclass(frozen=True)
class Recipe:
    """What a training needs to know; with the seed and the data set, all that it knows."""

    name: str
    about: str
    model: Literal["mlp", "cnn", "digits"]  # the network, in models.py
    dataset: str  # a name in the data catalog
    split: Literal["standard", "tutorial"] = "standard"  # 1/12 validates, or the last 1/5
    epochs: int = 10
    batch: int = 32  # images a step; what is left over at an epoch's end waits for another
    optimizer: Literal["adam", "sgd"] = "adam"  # the second with Nesterov's momentum
    learning_rate: float = 1e-3  # the peak of the schedule
    schedule: Literal["constant", "halving", "one-cycle"] = "constant"
    halve_every_steps: int = 1850  # of the schedule "halving"
    warm_up: float = 0.3  # share of the steps before the peak of "one-cycle"
    momentum: float = 0.9  # Adam's beta 1, or Nesterov's
    second_momentum: float = 0.999  # Adam's beta 2
    weight_decay: float = 0.0  # decoupled with adam (AdamW), in the gradient with sgd
    label_smoothing: float = 0.0  # share of the target spread over all classes
    precision: Literal["bfloat16", "float32"] = "float32"  # the first only where it is fast
    flip: float = 0.0  # probability of a horizontal flip
    max_shift_pixels: float = 0.0
    max_rotation_degrees: float = 0.0
    max_scale: float = 0.0  # each axis grows or shrinks by up to this share
    max_shear: float = 0.0  # the slant: pixels to the side for each pixel up
    max_stroke: float = 0.0  # share of the way to a stroke one pixel wider or thinner a side

    def __post_init__(self) -> None:
        self._check(_NUMBERS, lambda value: 0 <= value < math.inf, "a number of at least 0")
        positive = ("epochs", "batch", "halve_every_steps", "learning_rate")
        self._check(positive, lambda value: value > 0, "above 0")
        self._check(("flip", "warm_up", "label_smoothing"), lambda value: value <= 1, "at most 1")
        self._check(("momentum", "second_momentum"), lambda value: value < 1, "below 1")

    def _check(self, fields: Iterable[str], fits: Callable[[float], bool], expected: str) -> None:
        for field in fields:
            value = getattr(self, field)
            if not fits(value):
                raise RecipeError(
                    f"{self.name}: expected {field} to be {expected}, got {value}",
                    "See: inkling recipes",
                )


_HINTS = get_type_hints(Recipe)
_NUMBERS = [field for field, kind in _HINTS.items() if kind in (int, float)]

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="digits",
            about="the network that ships: small, augmented, at least 99.6 % in a minute",
            model="digits",
            dataset="mnist",
            epochs=8,
            batch=256,
            optimizer="sgd",
            learning_rate=0.2,
            schedule="one-cycle",
            weight_decay=5e-4,
            label_smoothing=0.05,
            precision="bfloat16",
            max_shift_pixels=2,
            max_rotation_degrees=8,
            max_scale=0.1,
            max_shear=0.1,
            max_stroke=0.3,
        ),
        Recipe(
            name="mlp",
            about="the Elixir tutorial's network: dense 128 ReLU, dense 10",
            model="mlp",
            dataset="mnist",
            split="tutorial",
            epochs=10,
            batch=32,
            learning_rate=0.01,
        ),
        Recipe(
            name="cnn",
            about="the Elixir Fashion-MNIST challenge's network: two convolutions, dense 128",
            model="cnn",
            dataset="fashion-mnist",
            epochs=5,
            batch=32,
            learning_rate=1e-3,
            schedule="halving",
            halve_every_steps=1850,
            precision="bfloat16",
            flip=0.5,
        ),
    )
}


def get(name: str) -> Recipe:
    """The recipe of that name, or a RecipeError that suggests the nearest."""
    if name in RECIPES:
        return RECIPES[name]
    raise RecipeError(
        f"Expected a recipe ({', '.join(RECIPES)}), got {name!r}",
        suggest(name, RECIPES, "See: inkling recipes"),
    )


def change(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `key=value` settings applied, each value read as its field's type."""
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise RecipeError(f"Expected key=value, got {setting!r}", "For example: --set batch=64")
        if key not in _HINTS.keys() - {"name", "about"}:
            raise RecipeError(
                f"Expected a key of the recipe, got {key!r}",
                suggest(key, _HINTS.keys() - {"name", "about"}, "See them: inkling recipes"),
            )
        changes[key] = _value(key, text)
    return dataclasses.replace(recipe, **changes)


def from_card(values: dict[str, Any]) -> Recipe:
    """The recipe a card or run folder holds, or a RecipeError if it is of another version."""
    try:
        return Recipe(**values)
    except TypeError as cause:
        raise RecipeError(
            f"Expected the values of a recipe, but {cause}",
            "It comes from another version of Inkling: use that one, or train anew",
        ) from cause


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step, 0 <= step < steps.

    "one-cycle": a cosine from 1/25 of the peak up to it, another down to almost nothing, as
    torch.optim.lr_scheduler.OneCycleLR. Source: Smith & Topin 2018.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule == "halving":
        return recipe.learning_rate * 0.5 ** (step // recipe.halve_every_steps)
    top = recipe.warm_up * steps - 1
    if step <= top:
        start, end, share = 1 / 25, 1.0, step / top if top else 1.0
    else:
        start, end, share = 1.0, 4e-6, (step - top) / (steps - 1 - top)
    return recipe.learning_rate * (end + (start - end) * (1 + math.cos(math.pi * share)) / 2)


def _value(key: str, text: str) -> Any:
    kind = _HINTS[key]
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    try:
        if choices and text not in choices:
            raise ValueError
        return text if choices else kind(text)
    except ValueError as cause:
        expected = {int: "a whole number", float: "a number", str: "text"}.get(
            kind, f"one of {', '.join(choices)}"
        )
        raise RecipeError(
            f"Expected {key} to be {expected}, got {text!r}",
            suggest(text, choices, "See the values with: inkling recipes"),
        ) from cause
