"""The named recipes.

`digits` is the network Inkling ships, `mlp` that of the tutorial "Recognize Digits Using ML in
Elixir" (Nx, Axon, LiveView), `cnn` that of the Elixir Fashion-MNIST challenge. `cifar` has flips,
shifts, smoothing and schedule from airbench (Jordan 2024), and was not tuned. The others are for
the boards: docs/log says how their values were chosen, on validation, before all images were
trained on.
"""

from dataclasses import replace

from inkling.errors import RecipeError, suggest
from inkling.experiments.recipe import (
    Augmentation,
    Evaluation,
    Optimizer,
    Recipe,
    Schedule,
    Scratch,
)

_BEST = Recipe(
    name="best",
    about="aims at the most accurate single network on MNIST",
    model="wide",
    dataset="mnist",
    split="all",
    epochs=20,
    batch=128,
    precision="bfloat16",
    label_smoothing=0.05,
    optimizer=Optimizer("sgd", learning_rate=0.2, weight_decay=5e-4),
    schedule=Schedule("one-cycle"),
    augmentation=Augmentation(
        max_shift_pixels=2,
        max_rotation_degrees=8,
        max_scale=0.1,
        max_shear=0.1,
        max_stroke=0.3,
    ),
    evaluation=Evaluation(temperature=0.53, test_time_augmentation="shifts"),
)
_SPRINT = Recipe(
    name="sprint",
    about="99.0 % of MNIST in the least seconds",
    model="sprint",
    dataset="mnist",
    split="all",
    epochs=0.7,
    batch=256,
    precision="bfloat16",
    freeze=0.3,
    label_smoothing=0.1,
    optimizer=Optimizer("adam", learning_rate=0.02, momentum=0.7, second_momentum=0.9),
    schedule=Schedule("triangle"),
    evaluation=Evaluation(temperature=0.37, test_time_augmentation="shifts", target=99.0),
)
_SPRINT_LONGER = replace(
    _BEST,
    name="sprint-99.5",
    about="99.5 % of MNIST in the least seconds",
    model="compact",
    epochs=1.55,
    schedule=Schedule("triangle", warm_up=0.2),
    augmentation=Augmentation(
        max_shift_pixels=1.5,
        max_rotation_degrees=6,
        max_scale=0.07,
        max_shear=0.07,
        max_stroke=0.2,
    ),
    evaluation=Evaluation(temperature=0.43, test_time_augmentation="shifts", target=99.5),
)
_DIGITS = replace(
    _BEST,
    name="digits",
    about="the network that ships: reads other people's digits, and says when it cannot",
    model="digits",
    split="standard",
    epochs=60,
    batch=256,
    label_smoothing=0.03,
    optimizer=Optimizer("sgd", learning_rate=0.2, weight_decay=1e-4),
    augmentation=replace(
        _BEST.augmentation,
        elastic_pixels=0.3,
        max_stroke=0.5,
        corruptions=0.45,
        handwriting=0.2,
        outliers=0.1,
        real_digits=0.6,
        real_outliers=0.2,
    ),
    evaluation=Evaluation(calibration="unipen:dev-cleaned,crohme:dev"),
)
_NUMBERS = Recipe(
    name="numbers",
    about="the network that ships beside it: reads whole numbers, with their signs",
    model="numbers",
    dataset="mnist",
    epochs=24,
    batch=64,
    lines=30_000,
    precision="bfloat16",
    optimizer=Optimizer("adam", learning_rate=3e-3, second_momentum=0.99, weight_decay=0.02),
    schedule=Schedule("one-cycle", warm_up=0.05),
    augmentation=Augmentation(on_paper=0.4, stroke_datasets="unipen,pendigits"),
    evaluation=Evaluation(calibration="unipen:numbers-dev,crohme:numbers-dev"),
)
_SCRATCH = Recipe(
    name="scratch",
    about="first principles: 100 sigmoids, one image a step at 0.5, as the original had it",
    model="scratch",
    dataset="mnist",
    epochs=10,
    batch=1,
    optimizer=Optimizer("sgd", learning_rate=0.5, momentum=0),
)
_CNN = Recipe(
    name="cnn",
    about="the Elixir Fashion-MNIST challenge's network: two convolutions, dense 128",
    model="cnn",
    dataset="fashion-mnist",
    epochs=5,
    batch=32,
    precision="bfloat16",
    optimizer=Optimizer("adam", learning_rate=1e-3),
    schedule=Schedule("halving", halve_every_steps=1850),
    augmentation=Augmentation(flip=0.5),
)
_CHALLENGE = Recipe(
    name="challenge-5",
    about="Fashion-MNIST in 5 epochs",
    model="residual",
    dataset="fashion-mnist",
    split="all",
    epochs=5,
    batch=64,
    precision="bfloat16",
    label_smoothing=0.1,
    optimizer=Optimizer("sgd", learning_rate=0.1, weight_decay=5e-4),
    schedule=Schedule("one-cycle"),
    augmentation=Augmentation(flip=0.5, flip_mode="alternate"),
    evaluation=Evaluation(temperature=0.65, test_time_augmentation="flip"),
)
_CIFAR = Recipe(
    name="cifar",
    about="colour pictures: a small network after airbench's",
    model="cifar",
    dataset="cifar10",
    epochs=10,
    batch=128,
    precision="bfloat16",
    label_smoothing=0.2,
    optimizer=Optimizer("sgd", learning_rate=0.1, momentum=0.85, weight_decay=5e-4),
    schedule=Schedule("triangle", warm_up=0.23),
    augmentation=Augmentation(flip=0.5, flip_mode="alternate", max_shift_pixels=2),
    evaluation=Evaluation(test_time_augmentation="flip"),
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        _DIGITS,
        _NUMBERS,
        _SPRINT,
        _SPRINT_LONGER,
        _BEST,
        replace(
            _BEST,
            name="best-ensemble",
            about="three networks of `best`, their logits averaged",
            evaluation=replace(_BEST.evaluation, ensemble_size=3),
        ),
        Recipe(
            name="mlp",
            about="the Elixir tutorial's network: dense 128 ReLU, dense 10",
            model="mlp",
            dataset="mnist",
            split="tutorial",
            epochs=10,
            batch=32,
            optimizer=Optimizer("adam", learning_rate=0.01),
        ),
        _SCRATCH,
        replace(
            _SCRATCH,
            name="scratch-steady",
            about="the same, with a learning rate that decays from 0.1",
            optimizer=replace(_SCRATCH.optimizer, learning_rate=0.1),
            schedule=Schedule("triangle", warm_up=0),
        ),
        replace(
            _SCRATCH,
            name="scratch-deep",
            about="first principles: two hidden layers of ReLU, batches, Adam",
            batch=256,
            label_smoothing=0.1,
            optimizer=Optimizer("adam", learning_rate=3e-3),
            schedule=Schedule("one-cycle"),
            scratch=Scratch(hidden="256,128", activation="relu", initialiser="he"),
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
            augmentation=replace(_CHALLENGE.augmentation, max_erase_pixels=14),
        ),
        _CIFAR,
    )
}


def get(name: str) -> Recipe:
    """The recipe of that name, or a RecipeError that suggests the nearest.

    >>> inkling.recipe("sprint").replace(epochs=2).epochs
    2.0
    """
    if name in RECIPES:
        return RECIPES[name]
    raise RecipeError(
        f"Expected a recipe ({', '.join(RECIPES)}), got {name!r}",
        suggest(name, RECIPES, "See: inkling recipes"),
    )
