import dataclasses
import json

import pytest
import torch
from conftest import ROOT
from torch.optim.lr_scheduler import OneCycleLR

from inkling.data import catalog
from inkling.errors import RecipeError
from inkling.experiments import recipes
from inkling.experiments.recipe import (
    Augmentation,
    Recipe,
    Schedule,
    change,
    from_saved,
    learning_rate,
)
from inkling.experiments.recipes import RECIPES


def test_the_tutorials_recipe_is_the_tutorials():
    recipe = recipes.get("mlp")
    assert (recipe.optimizer.learning_rate, recipe.batch, recipe.epochs) == (0.01, 32, 10)
    assert recipe.schedule.name == "constant"
    assert (recipe.split, recipe.label_smoothing) == ("tutorial", 0)


def test_the_challenges_recipe_is_the_challenges():
    recipe = recipes.get("cnn")
    assert (recipe.optimizer.learning_rate, recipe.batch, recipe.epochs) == (1e-3, 32, 5)
    assert recipe.schedule == Schedule("halving", halve_every_steps=1850)
    assert recipe.augmentation == Augmentation(flip=0.5)
    assert recipe.dataset == "fashion-mnist"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_is_of_the_catalog_and_comes_back_from_its_card(recipe):
    catalog.get(recipe.dataset)
    assert from_saved(dataclasses.asdict(recipe)) == recipe


def test_settings_change_values_of_their_type():
    changed = change(recipes.get("digits"), ["batch=64", "flip=1", "schedule=constant"])
    assert (changed.batch, changed.augmentation.flip) == (64, 1.0)
    assert changed.schedule.name == "constant"
    assert change(recipes.get("mlp"), []) == recipes.get("mlp")


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ("batch", "key=value"),
        ("epoch=3", "Perhaps you meant epochs"),
        ("name=x", "a key of the recipe"),
        ("=3", "a key of the recipe"),
        ("batch=many", "batch to be a whole number, got 'many'"),
        ("batch=1.5", "whole number"),
        ("batch=0", "above 0"),
        ("batch=-1", "above 0"),
        ("learning_rate=nan", "finite"),
        ("optimizer.learning_rate=inf", "finite"),
        ("flip=1.5", "at most 1"),
        ("momentum=1", "below 1"),
        ("aim=100.5", "aim to be at most 100"),
        ("nmae=x", "a key of the recipe"),
        ("optimizer.learning=1", "Perhaps you meant optimizer.learning_rate"),
        ("schedule=onecycle", "Perhaps you meant one-cycle"),
    ],
)
def test_a_wrong_setting_says_what_fits(setting, what):
    with pytest.raises(RecipeError) as caught:
        change(recipes.get("digits"), [setting])
    assert what in str(caught.value)


def test_an_unknown_recipe_suggests_the_nearest():
    with pytest.raises(RecipeError, match="Perhaps you meant digits"):
        recipes.get("digit")
    with pytest.raises(RecipeError, match="inkling recipes"):
        recipes.get("zzzz")


def test_a_card_of_another_version_is_told():
    with pytest.raises(RecipeError, match="another version"):
        from_saved({"name": "x", "unheard_of": 1})


def test_a_full_key_and_a_short_key_change_the_same_value():
    digits = recipes.get("digits")
    short = change(digits, ["learning_rate=0.3", "bend_pixels=1", "views=flip", "optimizer=adam"])
    assert short == change(
        digits,
        [
            "optimizer.learning_rate=0.3",
            "augmentation.elastic_pixels=1",
            "evaluation.test_time_augmentation=flip",
            "optimizer.name=adam",
        ],
    )
    assert short == dataclasses.replace(
        digits,
        optimizer=dataclasses.replace(digits.optimizer, name="adam", learning_rate=0.3),
        bend_pixels=1.0,
        views="flip",
    )
    with pytest.raises(RecipeError, match="optimizer as a group"):  # else all of it were lost
        dataclasses.replace(digits, optimizer="adam")


def test_recipes_as_they_were_saved_before_0_7_are_read():
    for path in sorted((ROOT / "results").glob("*.json")):
        saved = json.loads(path.read_text()).get("recipe")
        if saved and isinstance(saved["optimizer"], str):
            recipe = from_saved(saved)
            now = recipes.get(recipe.name)
            evaluation = dataclasses.replace(recipe.evaluation, target=now.evaluation.target)
            assert dataclasses.replace(recipe, about=now.about, evaluation=evaluation) == now
    assert from_saved({"name": "x", "about": "", "model": "own", "dataset": "mnist"}) == Recipe(
        name="x", about="", model="custom", dataset="mnist"
    )


def test_the_shim_keeps_old_recipe_files():
    from inkling import recipes as shim

    assert shim.Recipe is Recipe
    assert shim.get("digits") is recipes.get("digits")


def test_the_one_cycle_is_pytorchs():
    recipe, steps = dataclasses.replace(recipes.get("digits"), learning_rate=0.3, warm_up=0.25), 40
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    reference = OneCycleLR(optimizer, 0.3, total_steps=steps, pct_start=0.25)
    for step in range(steps):
        rate = learning_rate(recipe, step, steps)
        assert rate == pytest.approx(reference.get_last_lr()[0], rel=1e-4, abs=1e-9)
        optimizer.step()
        if step + 1 < steps:
            reference.step()


def test_the_one_cycle_may_peak_at_once():
    recipe = dataclasses.replace(recipes.get("digits"), learning_rate=0.3, warm_up=0.25)
    assert learning_rate(recipe, 0, 4) == pytest.approx(0.3)


def test_the_other_schedules_are_what_they_say():
    halving = dataclasses.replace(recipes.get("cnn"), learning_rate=1e-3)
    rates = [learning_rate(halving, step, 9999) for step in (0, 1849, 1850, 3699, 3700)]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4])
    assert learning_rate(recipes.get("mlp"), 77, 100) == 0.01


def test_the_triangle_goes_up_and_down_in_lines():
    recipe = dataclasses.replace(recipes.get("sprint"), learning_rate=1.0, warm_up=0.25)
    rates = [learning_rate(recipe, step, 8) for step in range(8)]
    assert rates == pytest.approx([0.2, 0.6, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"batch": 2.5}, "batch to be a whole number, got 2.5"),
        ({"epochs": "2"}, "epochs to be a number, got '2'"),
        ({"epochs": True}, "epochs to be a number, got True"),
        ({"views": "flips"}, "Perhaps you meant flip"),
        ({"temperature": 0}, "temperature to be above 0"),
    ],
)
def test_a_recipe_of_wrong_values_cannot_be_made(values, what):
    with pytest.raises(RecipeError) as caught:
        dataclasses.replace(recipes.get("digits"), **values)
    assert what in str(caught.value)
