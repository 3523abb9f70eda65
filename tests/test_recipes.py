import dataclasses

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from inkling.data import catalog
from inkling.experiments import recipes
from inkling.errors import RecipeError
from inkling.experiments.recipes import RECIPES


def test_the_tutorials_recipe_is_the_tutorials():
    recipe = recipes.get("mlp")
    assert (recipe.learning_rate, recipe.batch, recipe.epochs) == (0.01, 32, 10)
    assert (recipe.schedule, recipe.split, recipe.label_smoothing) == ("constant", "tutorial", 0)


def test_the_challenges_recipe_is_the_challenges():
    recipe = recipes.get("cnn")
    assert (recipe.learning_rate, recipe.batch, recipe.epochs) == (1e-3, 32, 5)
    assert (recipe.schedule, recipe.halve_every_steps, recipe.flip) == ("halving", 1850, 0.5)
    assert recipe.dataset == "fashion-mnist"


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_is_of_the_catalog_and_comes_back_from_its_card(recipe):
    catalog.get(recipe.dataset)
    assert recipes.from_card(dataclasses.asdict(recipe)) == recipe


def test_settings_change_values_of_their_type():
    changed = recipes.change(recipes.get("digits"), ["batch=64", "flip=1", "schedule=constant"])
    assert (changed.batch, changed.flip, changed.schedule) == (64, 1.0, "constant")
    assert recipes.change(recipes.get("mlp"), []) == recipes.get("mlp")


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
        ("batch=-1", "at least 0"),
        ("learning_rate=nan", "at least 0"),
        ("learning_rate=inf", "at least 0"),
        ("flip=1.5", "at most 1"),
        ("momentum=1", "below 1"),
        ("aim=100.5", "aim to be at most 100"),
        ("nmae=x", "a key of the recipe"),
        ("schedule=onecycle", "Perhaps you meant one-cycle"),
    ],
)
def test_a_wrong_setting_says_what_fits(setting, what):
    with pytest.raises(RecipeError) as caught:
        recipes.change(recipes.get("digits"), [setting])
    assert what in str(caught.value)


def test_an_unknown_recipe_suggests_the_nearest():
    with pytest.raises(RecipeError, match="Perhaps you meant digits"):
        recipes.get("digit")
    with pytest.raises(RecipeError, match="inkling recipes"):
        recipes.get("zzzz")


def test_a_card_of_another_version_is_told():
    with pytest.raises(RecipeError, match="another version"):
        recipes.from_card({"name": "x", "unheard_of": 1})


def test_the_one_cycle_is_pytorchs():
    recipe, steps = dataclasses.replace(recipes.get("digits"), learning_rate=0.3, warm_up=0.25), 40
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    reference = OneCycleLR(optimizer, 0.3, total_steps=steps, pct_start=0.25)
    for step in range(steps):
        rate = recipes.learning_rate(recipe, step, steps)
        assert rate == pytest.approx(reference.get_last_lr()[0], rel=1e-4, abs=1e-9)
        optimizer.step()
        if step + 1 < steps:
            reference.step()


def test_the_one_cycle_may_peak_at_once():
    recipe = dataclasses.replace(recipes.get("digits"), learning_rate=0.3, warm_up=0.25)
    assert recipes.learning_rate(recipe, 0, 4) == pytest.approx(0.3)


def test_the_other_schedules_are_what_they_say():
    halving = dataclasses.replace(recipes.get("cnn"), learning_rate=1e-3)
    rates = [recipes.learning_rate(halving, step, 9999) for step in (0, 1849, 1850, 3699, 3700)]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4])
    assert recipes.learning_rate(recipes.get("mlp"), 77, 100) == 0.01


def test_the_triangle_goes_up_and_down_in_lines():
    recipe = dataclasses.replace(recipes.get("sprint"), learning_rate=1.0, warm_up=0.25)
    rates = [recipes.learning_rate(recipe, step, 8) for step in range(8)]
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
