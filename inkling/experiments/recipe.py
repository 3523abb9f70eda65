"""A recipe: every number of a training, frozen, with its unit or meaning.

`Recipe` also takes the short keys of its groups: `Recipe(..., learning_rate=0.1)` is
`Recipe(..., optimizer=Optimizer(learning_rate=0.1))`. Pattern: nanochat, GPTConfig.
"""

import dataclasses
import math
import re
from dataclasses import fields, replace
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, get_type_hints

from pydantic import (
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from inkling.errors import RecipeError, suggest
from inkling.plots import html

_HINT = "See the values with: inkling recipes"
BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
MAX_WEIGHTS = 50_000_000  # of hidden layers: 600 MB with an optimizer's memory

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class _Checked:
    """Values that are checked when they are made: a RecipeError says which does not fit."""

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(cls._prepared(values))
        except ValidationError as cause:
            raise _misfit(cause) from cause

    @classmethod
    def _prepared(cls, values: Any) -> Any:
        return values


@dataclass(frozen=True)
class Optimizer(_Checked):
    """How a step changes the weights."""

    name: Literal["adam", "sgd"] = "adam"  # sgd: with Nesterov's momentum
    learning_rate: Positive = 1e-3  # the peak of the schedule
    momentum: Decay = 0.9  # Adam's beta 1, or Nesterov's
    second_momentum: Decay = 0.999  # Adam's beta 2
    weight_decay: Amount = 0.0  # adam: decoupled (AdamW); sgd: part of the gradient


@dataclass(frozen=True)
class Schedule(_Checked):
    """How the learning rate changes over the steps; see `learning_rate`."""

    name: Literal["constant", "halving", "one-cycle", "triangle"] = "constant"
    warm_up: Share = 0.3  # one-cycle, triangle: share of the steps before the peak
    halve_every_steps: Count = 1850  # halving


@dataclass(frozen=True)
class Augmentation(_Checked):
    """What is done to training images, and what is mixed in with them."""

    flip: Share = 0.0  # probability of a horizontal flip
    flip_mode: Literal["random", "alternate"] = "random"  # alternate: every other epoch
    max_shift_pixels: Amount = 0.0
    max_rotation_degrees: Amount = 0.0
    max_scale: Amount = 0.0  # each axis grows or shrinks by up to this share
    max_shear: Amount = 0.0  # the slant: pixels to the side for each pixel up
    elastic_pixels: Amount = 0.0  # elastic deformation: standard deviation of a point's shift
    max_stroke: Amount = 0.0  # share of the way to a stroke one pixel wider or thinner a side
    max_erase_pixels: Amount = 0.0  # sides of a rectangle of noise in each image
    corruptions: Share = 0.0  # share of images that are corrupted; falls to a third
    handwriting: Share = 0.0  # synthetic digits mixed into each batch, as a share of it
    outliers: Share = 0.0  # synthetic images of no class, likewise
    real_digits: Amount = 0.0  # digits of people's pen strokes, likewise; may be more than a batch
    real_outliers: Amount = 0.0  # letters and signs of people's pen strokes, likewise
    on_paper: Share = 0.0  # share of made lines that look as if photographed on paper
    stroke_datasets: str = "unipen,pendigits,omniglot"  # whose pen strokes


@dataclass(frozen=True)
class Evaluation(_Checked):
    """How the trained network reads, and what it is measured for."""

    temperature: Positive = 1.0  # of the split "all", which leaves nothing to fit it to
    calibration: str = (
        ""  # data sets beside validation, as "unipen:dev", that thresholds are fitted to
    )
    test_time_augmentation: Literal["none", "flip", "shifts"] = "none"  # logits: their mean
    ensemble_size: Count = 1  # networks of different seeds whose logits a record averages
    target: Annotated[float, Field(ge=0, le=100)] = 0.0  # per cent of test, for the board of time


@dataclass(frozen=True)
class Scratch(_Checked):
    """The network from first principles; of model "scratch" alone."""

    hidden: str = "100"  # units of each hidden layer, as "256,128"
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu"] = "sigmoid"
    loss: Literal["cross-entropy", "squared-error"] = "cross-entropy"
    initialiser: Literal["glorot", "he"] = "glorot"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not re.fullmatch(r"[1-9]\d{0,4}(,[1-9]\d{0,4})*", self.hidden):
            raise _unfit("hidden", 'units with commas, as "256,128"', self.hidden)
        units = [28 * 28, *map(int, self.hidden.split(","))]
        if sum(into * out for into, out in pairwise(units)) > MAX_WEIGHTS:
            raise _unfit("hidden", f"at most {MAX_WEIGHTS:,} weights", self.hidden)
        return self


@dataclass(frozen=True)
class Recipe(_Checked):
    """What a training needs to know; with the seed and the data set, all that it knows.

    >>> mine = inkling.Recipe(name="mine", about="a try", model="mlp", dataset="mnist", epochs=2)
    >>> mine.replace(learning_rate=0.01).optimizer.learning_rate
    0.01
    """

    name: str
    about: str
    model: str  # a name in networks.architectures, "scratch" or "custom"
    dataset: str  # a name in the data catalog
    split: Literal["standard", "tutorial", "all"] = "standard"  # 1/12, last 1/5, none validates
    epochs: Positive = 10.0  # a fraction ends within a pass
    batch: Count = 32  # images a step; an epoch drops what is left over
    lines: Annotated[int, Field(ge=0)] = 0  # made for each epoch; 0: it learns from images
    precision: Literal["bfloat16", "float32"] = "float32"  # bfloat16 only where it is fast
    freeze: Share = 1.0  # share of the steps after which the network's stem is frozen
    label_smoothing: Share = 0.0  # share of the target spread over all classes
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    augmentation: Augmentation = Augmentation()
    evaluation: Evaluation = Evaluation()
    scratch: Scratch = Scratch()

    @classmethod
    def _prepared(cls, values: Any) -> Any:
        """The values with short keys moved into their groups."""
        if not isinstance(values, ArgsKwargs) or values.kwargs is None:
            return values
        return ArgsKwargs(values.args, _grouped(values.kwargs))

    def replace(self, **changes: object) -> "Recipe":
        """The recipe with other values, by their short keys, as `replace(epochs=2)`.

        Raises RecipeError.
        """
        return change(self, [f"{key}={value}" for key, value in changes.items()])

    def _repr_html_(self) -> str:
        """Its own values, and folded those that are as by default."""
        default = flat(Recipe(name="", about="", model="", dataset=""))
        values = {k: v for k, v in flat(self).items() if k not in ("name", "about")}
        own = [[key, str(value)] for key, value in values.items() if value != default[key]]
        others = [[key, str(value)] for key, value in values.items() if value == default[key]]
        return html.panel(
            f"{self.name}: {self.about}",
            html.table(["its own values", ""], own),
            html.folded(f"{len(others)} more, as by default", html.table(["value", ""], others)),
        )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        values = flat(self)
        for key, default in (_FIXED_WITH_SCRATCH if self.model == "scratch" else _SCRATCH).items():
            if values[key] != default:
                raise _unfit(key.split(".")[-1], f"{default} with {self.model}", values[key])
        return self


_GROUPS: dict[str, type[_Checked]] = {
    "optimizer": Optimizer,
    "schedule": Schedule,
    "augmentation": Augmentation,
    "evaluation": Evaluation,
    "scratch": Scratch,
}
_SCRATCH = {f"scratch.{field.name}": field.default for field in fields(Scratch)}
_FIXED_WITH_SCRATCH: dict[str, Any] = {
    "precision": "float32",
    "freeze": 1,
    "augmentation.handwriting": 0,
    "augmentation.outliers": 0,
    "augmentation.real_digits": 0,
    "augmentation.real_outliers": 0,
}
# Short key -> (group, field): every field of a group by its own name, and names of before 0.7.0.
SHORT_KEYS: dict[str, tuple[str, str]] = {
    field.name: (group, field.name)
    for group, kind in _GROUPS.items()
    for field in fields(kind)
    if field.name != "name"
} | {
    "optimizer": ("optimizer", "name"),
    "schedule": ("schedule", "name"),
    "views": ("evaluation", "test_time_augmentation"),
    "members": ("evaluation", "ensemble_size"),
    "aim": ("evaluation", "target"),
    "bend_pixels": ("augmentation", "elastic_pixels"),
    "flips": ("augmentation", "flip_mode"),
    "degraded": ("augmentation", "corruptions"),
    "hands": ("augmentation", "handwriting"),
}
# Values of before 0.7.0, by key; models only where a saved recipe is as old as that.
_OLD_VALUES = {"views": {"one": "none"}, "flips": {"chance": "random"}, "model": {"own": "custom"}}
_OLD_MODELS = {"shipped": "digits", "digits": "compact", "own": "custom"}


def flat(recipe: Recipe) -> dict[str, Any]:
    """Every value of a recipe by its full key, as "optimizer.learning_rate"."""
    found: dict[str, Any] = {}
    for key, value in dataclasses.asdict(recipe).items():
        inside = value.items() if isinstance(value, dict) else [("", value)]
        found |= {f"{key}.{name}" if name else key: one for name, one in inside}
    return found


def change(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `key=value` settings applied, each value read as its field's type.

    A key is full, as "optimizer.learning_rate", or short, as "learning_rate". Raises RecipeError.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise RecipeError(f"Expected key=value, got {setting!r}", "For example: --set batch=64")
        known = {k for k in flat(recipe) if k not in ("name", "about")} | SHORT_KEYS.keys()
        if key not in known:
            raise RecipeError(
                f"Expected a key of the recipe, got {key!r}",
                suggest(key, known, "See them: inkling recipes"),
            )
        group, name = SHORT_KEYS.get(key) or key.rpartition(".")[::2]
        part: Any = getattr(recipe, group) if group else recipe
        kind = get_type_hints(type(part), include_extras=True)[name]
        text = _OLD_VALUES.get(key, {}).get(text, text)
        try:
            value = TypeAdapter(kind).validate_strings(text)
        except ValidationError as cause:
            raise _misfit(cause, key) from cause
        part = replace(part, **{name: value})
        recipe = replace(recipe, **{group: part}) if group else part
    return recipe


def from_saved(values: dict[str, Any]) -> Recipe:
    """The recipe that a card, run or record holds, or a RecipeError if it is of another version.

    Those of before 0.7.0 have short keys alone, and other names for some networks.
    """
    if isinstance(values.get("optimizer"), str):
        model = values.get("model")
        values = values | {"model": _OLD_MODELS.get(str(model), model)}
    try:
        return Recipe(**values)
    except (RecipeError, TypeError) as cause:
        raise RecipeError(
            f"Expected the values of a recipe, but found others ({cause})",
            "It comes from another version of Inkling: use that one, or train again",
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
    peak, kind = recipe.optimizer.learning_rate, recipe.schedule.name
    if kind == "constant":
        return peak
    if kind == "halving":
        return peak * 0.5 ** (step // recipe.schedule.halve_every_steps)
    if kind == "triangle":
        top = recipe.schedule.warm_up * steps
        if step < top:
            return peak * (0.2 + 0.8 * step / top)
        return peak * (steps - step) / (steps - top)
    top = recipe.schedule.warm_up * steps - 1
    if step <= top:
        start, end, share = 1 / 25, 1.0, step / top if top else 1.0
    else:
        start, end, share = 1.0, 4e-6, (step - top) / (steps - 1 - top)
    return peak * (end + (start - end) * (1 + math.cos(math.pi * share)) / 2)


def _grouped(values: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a Recipe, the short keys among them moved into their groups."""
    found: dict[str, Any] = {}
    changes: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        if isinstance(value, str):
            value = _OLD_VALUES.get(key, {}).get(value, value)
        if key in _GROUPS and isinstance(value, dict):
            found[key] = _GROUPS[key](**value)
        elif key in _GROUPS and isinstance(value, _GROUPS[key]):
            found[key] = value
        elif key in _GROUPS and any(isinstance(other, _Checked) for other in values.values()):
            way_out = f'Give {_GROUPS[key].__name__}(name="{value}", ...)'  # as of `replace`
            raise RecipeError(f"Expected {key} as a group of values, got {value!r}", way_out)
        elif key in SHORT_KEYS:
            group, name = SHORT_KEYS[key]
            changes.setdefault(group, {})[name] = value
        else:
            found[key] = value
    for group, inside in changes.items():
        found[group] = replace(found.get(group) or _GROUPS[group](), **inside)
    return found


def _misfit(error: ValidationError, key: str = "") -> RecipeError:
    """One line on the first value that does not fit."""
    first = error.errors()[0]
    key = key or str(first["loc"][-1] if first["loc"] else "")
    kind, got, limits = first["type"], first["input"], first.get("ctx", {})
    hint = _HINT
    if kind == "unexpected_keyword_argument":
        known = SHORT_KEYS.keys() | {field.name for field in fields(Recipe)}
        return RecipeError(f"Expected a key of a recipe, got {key!r}", suggest(key, known, hint))
    if kind == "missing":
        return RecipeError(f"Expected a recipe with {key}, found none", hint)
    if kind == "literal_error":
        choices = re.findall("'([^']+)'", limits["expected"])
        fits, hint = f"one of {', '.join(choices)}", suggest(str(got), choices, hint)
    elif kind.startswith("int"):
        fits = "a whole number"
    elif kind.startswith("float"):
        fits = "a number"
    elif kind == "finite_number":
        fits = "a finite number"
    elif limits.keys() & BOUNDS.keys():
        fits = " and ".join(f"{BOUNDS[name]} {value:g}" for name, value in limits.items())
    else:
        fits = first["msg"]
    return _unfit(key, fits, got, hint)


def _unfit(key: str, fits: str, got: object, hint: str = _HINT) -> RecipeError:
    return RecipeError(f"Expected {key} to be {fits}, got {got!r}", hint)
