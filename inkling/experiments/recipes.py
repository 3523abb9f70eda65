"""The recipes: every number of a training, frozen, with its unit or meaning.

`digits` is the network Inkling ships, `mlp` that of the tutorial "Recognize Digits Using ML in
Elixir" (Nx, Axon, LiveView), `cnn` that of the Elixir Fashion-MNIST challenge. The others are for
the boards: docs/log.md says how their values were chosen, before all images were trained on, and
which were not chosen yet.
Pattern: nanochat, GPTConfig.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import pairwise
from typing import Any, Literal, get_args, get_type_hints

from inkling.errors import RecipeError, suggest

MOST_WEIGHTS = 50_000_000  # of hidden layers: 600 MB with an optimizer's memory


@dataclass(frozen=True)
class Recipe:
    """What a training needs to know; with the seed and the data set, all that it knows."""

    name: str
    about: str
    model: Literal[
        "mlp", "cnn", "digits", "shipped", "wide", "sprint", "residual", "own", "scratch"
    ]
    dataset: str  # a name in the data catalog
    aim: float = 0.0  # per cent of the test images, in the least seconds; 0: as many as can be
    split: Literal["standard", "tutorial", "all"] = "standard"  # 1/12, last 1/5, none validates
    temperature: float = 1.0  # of the split "all", which leaves nothing to fit it to
    epochs: float = 10  # a broken one ends within a pass
    batch: int = 32  # images a step; what is left over at an epoch's end waits for another
    optimizer: Literal["adam", "sgd"] = "adam"  # the second with Nesterov's momentum
    learning_rate: float = 1e-3  # the peak of the schedule
    schedule: Literal["constant", "halving", "one-cycle", "triangle"] = "constant"
    halve_every_steps: int = 1850  # of the schedule "halving"
    warm_up: float = 0.3  # share of the steps before the peak of "one-cycle" or "triangle"
    momentum: float = 0.9  # Adam's beta 1, or Nesterov's
    second_momentum: float = 0.999  # Adam's beta 2
    weight_decay: float = 0.0  # decoupled with adam (AdamW), in the gradient with sgd
    label_smoothing: float = 0.0  # share of the target spread over all classes
    precision: Literal["bfloat16", "float32"] = "float32"  # the first only where it is fast
    freeze: float = 1.0  # share of the steps after which the network's stem learns no more
    views: Literal["one", "flip", "shifts"] = "one"  # what a reading averages the logits over
    members: int = 1  # networks whose logits a record averages, each of a seed of its own
    flip: float = 0.0  # probability of a horizontal flip
    flips: Literal["chance", "alternate"] = "chance"  # the second: mirrored every other epoch
    max_shift_pixels: float = 0.0
    max_rotation_degrees: float = 0.0
    max_scale: float = 0.0  # each axis grows or shrinks by up to this share
    max_shear: float = 0.0  # the slant: pixels to the side for each pixel up
    bend_pixels: float = 0.0  # how far a point moves, its neighbours likewise; standard deviation
    max_stroke: float = 0.0  # share of the way to a stroke one pixel wider or thinner a side
    max_erase_pixels: float = 0.0  # sides of a rectangle of noise in each image
    degraded: float = 0.0  # share that an odd hand, a bad pen or camera changed; falls to a third
    hands: float = 0.0  # made digits of other hands, beside each batch, as a share of it
    outliers: float = 0.0  # images of what is no digit, likewise, of which no class is to be said
    hidden: str = "100"  # units of each hidden layer, as "256,128"; these four of scratch alone
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu"] = "sigmoid"
    loss: Literal["cross-entropy", "squared-error"] = "cross-entropy"
    initialiser: Literal["glorot", "he"] = "glorot"

    def __post_init__(self) -> None:
        for field, kind in _HINTS.items():
            value, choices = getattr(self, field), get_args(kind)
            known = value in choices if choices else isinstance(value, _TAKEN[kind])
            if not known or isinstance(value, bool):
                raise _unfit(field, value)
        layers = re.fullmatch(r"[1-9]\d{0,4}(,[1-9]\d{0,4})*", self.hidden)
        self._check(["hidden"], lambda _: layers is not None, 'units with commas, as "256,128"')
        units = [28 * 28, *map(int, self.hidden.split(","))]
        weights = sum(into * out for into, out in pairwise(units))
        self._check(
            ["hidden"], lambda _: weights <= MOST_WEIGHTS, f"at most {MOST_WEIGHTS:,} weights"
        )
        fixed = _OF_OTHERS if self.model == "scratch" else _OF_SCRATCH
        for field, only in fixed.items():
            self._check([field], partial(operator.eq, only), f"{only} with {self.model}")
        self._check(_NUMBERS, lambda value: 0 <= value < math.inf, "a number of at least 0")
        positive = (
            "epochs",
            "batch",
            "halve_every_steps",
            "learning_rate",
            "temperature",
            "members",
        )
        self._check(positive, lambda value: value > 0, "above 0")
        shares = ("flip", "warm_up", "label_smoothing", "freeze", "degraded", "hands", "outliers")
        self._check(shares, lambda value: value <= 1, "at most 1")
        self._check(["aim"], lambda value: value <= 100, "at most 100")
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
_TAKEN = {str: str, int: int, float: int | float}
_OF_SCRATCH = {
    field.name: field.default
    for field in fields(Recipe)
    if field.name in ("hidden", "activation", "loss", "initialiser")
}
_OF_OTHERS = {"precision": "float32", "freeze": 1, "hands": 0, "outliers": 0}
_NUMBERS = [field for field, kind in _HINTS.items() if kind in (int, float)]

_BEST = Recipe(
    name="best",
    about="aims at the most accurate single network on MNIST",
    model="wide",
    dataset="mnist",
    split="all",
    temperature=0.53,
    epochs=20,
    batch=128,
    optimizer="sgd",
    learning_rate=0.2,
    schedule="one-cycle",
    weight_decay=5e-4,
    label_smoothing=0.05,
    precision="bfloat16",
    views="shifts",
    max_shift_pixels=2,
    max_rotation_degrees=8,
    max_scale=0.1,
    max_shear=0.1,
    max_stroke=0.3,
)
_SPRINT = Recipe(
    name="sprint",
    about="99.0 % of MNIST in the least seconds",
    model="sprint",
    dataset="mnist",
    aim=99.0,
    split="all",
    temperature=0.37,
    epochs=0.7,
    batch=256,
    learning_rate=0.02,
    schedule="triangle",
    momentum=0.7,
    second_momentum=0.9,
    label_smoothing=0.1,
    precision="bfloat16",
    freeze=0.3,
    views="shifts",
)
_SPRINT_ON = replace(
    _BEST,
    name="sprint-99.5",
    about="99.5 % of MNIST in the least seconds",
    model="digits",
    aim=99.5,
    temperature=0.43,
    epochs=1.55,
    schedule="triangle",
    warm_up=0.2,
    max_shift_pixels=1.5,
    max_rotation_degrees=6,
    max_scale=0.07,
    max_shear=0.07,
    max_stroke=0.2,
)
_DIGITS = replace(
    _BEST,
    name="digits",
    about="the network that ships: it reads other hands, and says when it cannot",
    model="shipped",
    split="standard",
    temperature=1.0,
    epochs=36,
    batch=256,
    weight_decay=1e-4,
    label_smoothing=0.03,
    views="one",
    bend_pixels=0.3,
    max_stroke=0.5,
    degraded=0.45,
    hands=0.2,
    outliers=0.25,
)
_SCRATCH = Recipe(
    name="scratch",
    about="first principles: 100 sigmoids, one image a step at 0.5, as the original had it",
    model="scratch",
    dataset="mnist",
    epochs=10,
    batch=1,
    optimizer="sgd",
    learning_rate=0.5,
    momentum=0,
)
_CNN = Recipe(
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
)
_CHALLENGE = Recipe(
    name="challenge-5",
    about="Fashion-MNIST in 5 epochs",
    model="residual",
    dataset="fashion-mnist",
    split="all",
    temperature=0.65,
    epochs=5,
    batch=64,
    optimizer="sgd",
    learning_rate=0.1,
    schedule="one-cycle",
    weight_decay=5e-4,
    label_smoothing=0.1,
    precision="bfloat16",
    flip=0.5,
    flips="alternate",
    views="flip",
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        _DIGITS,
        _SPRINT,
        _SPRINT_ON,
        _BEST,
        replace(_BEST, name="best-ensemble", about="three of them, read together", members=3),
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
        _SCRATCH,
        replace(
            _SCRATCH,
            name="scratch-steady",
            learning_rate=0.1,
            about="the same, but the learning rate decays, from 0.1",
            schedule="triangle",
            warm_up=0,
        ),
        replace(
            _SCRATCH,
            name="scratch-deep",
            about="first principles: two hidden layers of ReLU, batches, Adam",
            hidden="256,128",
            activation="relu",
            initialiser="he",
            batch=256,
            optimizer="adam",
            learning_rate=3e-3,
            schedule="one-cycle",
            momentum=0.9,
            label_smoothing=0.1,
        ),
        _CNN,
        replace(_CNN, name="cnn-20", about="the same, 20 epochs", epochs=20),
        replace(_CNN, name="cnn-50", about="the same, 50 epochs", epochs=50),
        _CHALLENGE,
        replace(
            _CHALLENGE,
            name="challenge-20",
            about="challenge-5 for 20 epochs",
            epochs=20,
        ),
        replace(
            _CHALLENGE,
            name="challenge-50",
            about="challenge-5 for 50 epochs, with a part of each image erased",
            epochs=50,
            max_erase_pixels=14,
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
    return replace(recipe, **changes)


def from_card(values: dict[str, Any]) -> Recipe:
    """The recipe a card or run folder holds, or a RecipeError if it is of another version."""
    try:
        return Recipe(**values)
    except TypeError as cause:
        raise RecipeError(
            f"Expected the values of a recipe, but {cause}",
            "It comes from another version of Inkling: use that one, or train anew",
        ) from cause


def steps(recipe: Recipe, images: int) -> int:
    """The steps of a whole training on so many images, in whole batches."""
    return max(1, round(recipe.epochs * (images // recipe.batch)))


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step, 0 <= step < steps.

    "one-cycle": a cosine from 1/25 of the peak up to it, another down to almost nothing, as
    torch.optim.lr_scheduler.OneCycleLR. Source: Smith & Topin 2018. "triangle": a line from 1/5
    of the peak up to it, another down to nothing. Source: airbench.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule == "halving":
        return recipe.learning_rate * 0.5 ** (step // recipe.halve_every_steps)
    if recipe.schedule == "triangle":
        top = recipe.warm_up * steps
        if step < top:
            return recipe.learning_rate * (0.2 + 0.8 * step / top)
        return recipe.learning_rate * (steps - step) / (steps - top)
    top = recipe.warm_up * steps - 1
    if step <= top:
        start, end, share = 1 / 25, 1.0, step / top if top else 1.0
    else:
        start, end, share = 1.0, 4e-6, (step - top) / (steps - 1 - top)
    return recipe.learning_rate * (end + (start - end) * (1 + math.cos(math.pi * share)) / 2)


def _value(key: str, text: str) -> Any:
    kind = _HINTS[key]
    try:
        return text if get_args(kind) else kind(text)
    except ValueError as cause:
        raise _unfit(key, text) from cause


def _unfit(key: str, value: object) -> RecipeError:
    kind = _HINTS[key]
    choices = get_args(kind)
    expected = {int: "a whole number", float: "a number", str: "text"}.get(
        kind, f"one of {', '.join(choices)}"
    )
    return RecipeError(
        f"Expected {key} to be {expected}, got {value!r}",
        suggest(str(value), choices, "See the values with: inkling recipes"),
    )
