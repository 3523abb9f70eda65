import dataclasses

import pytest

from inkling import catalog, recipes
from inkling.errors import RecipeError
from inkling.recipes import RECIPES


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
