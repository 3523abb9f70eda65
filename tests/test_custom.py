import re

import pytest
import torch
from conftest import ROOT, invoke, quick_bundle, run_inkling

from inkling.errors import InklingError, RecipeError
from inkling.experiments import recipes, runs
from inkling.experiments.recipe import change
from inkling.networks import architectures, custom
from inkling.training import loop

PAGE = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "own-recipe.md").read_text(), re.DOTALL)
GOOD = """
from torch import nn
from inkling import Recipe

recipe = Recipe(name="mine", about="", model="custom", dataset="optdigits", epochs=2, batch=64)

def model(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, classes))
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    return path


def test_the_pages_recipe_is_one(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PAGE[0] + PAGE[1])
    recipe = custom.load(path)
    assert (recipe.name, recipe.split, recipe.epochs) == ("mine", "all", 5)
    network = custom.build(path, 10, torch.Generator().manual_seed(0))
    assert architectures.count_parameters(network) > 0


def test_the_seed_decides_the_network_and_nothing_else_changes(mine):
    state = torch.get_rng_state()
    first, again, other = (
        custom.build(mine, 10, torch.Generator().manual_seed(seed))[1].weight for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("recipe = ", "receipt = "), "expected `recipe = Recipe(...)`, got NoneType"),
        (('name="mine"', 'name="digits"'), "that no other recipe has, got 'digits'"),
        (('name="mine"', 'name="../up"'), "letters, digits, dots and dashes"),
        (("def model", "def network"), "expected a function `model(classes)`"),
        (("784", "783"), "mat1 and mat2 shapes cannot be multiplied"),
        (("nn.Linear(784, classes)", "nn.Linear(784, 5)"), "logits (2, 10), got (2, 5)"),
        (("return nn.", "return 5 #"), "to give an nn.Module, got int"),
        (("classes))", "classes)"), "line 8: expected a recipe that runs, but SyntaxError"),
        (("    return", "    return 1 / 0\n    return"), "line 8: expected a recipe that runs"),
        (("epochs=2", "epochs=-2"), "Expected epochs to be above 0, got -2"),
        (("epochs=2", 'epochs="2"'), "Expected epochs to be a number, got '2'"),
        (("epochs=2", "batch=2.5"), "Expected batch to be a whole number, got 2.5"),
        (("epochs=2", 'schedule="onecycle"'), "Perhaps you meant one-cycle"),
        (("epochs=2", "epoch=2"), "Perhaps you meant epochs"),
        (("optdigits", "optdigit"), "Perhaps you meant optdigits"),
        (('model="custom"', 'model="digit"'), "Perhaps you meant digits"),
    ],
)
def test_a_file_that_cannot_run_says_so_in_one_line(mine, change, what):
    mine.write_text(GOOD.replace(", batch=64", "").replace(*change))
    with pytest.raises(InklingError) as caught:
        custom.load(mine)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(RecipeError, match="expected a Python file, found none"):
        custom.load(tmp_path / "none.py")


@pytest.mark.usefixtures("mine")
def test_it_trains_from_the_command_line_and_is_copied_to_its_run(tmp_path):
    result = run_inkling("train", "mine.py", "--out", "run", "--set", "epochs=1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "run" / runs.SOURCE).read_text() == GOOD
    assert "Test: accuracy" in result.stdout
    result = invoke("leaderboard", "time", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (tmp_path / "mine.py").write_text(GOOD.replace("784", "783"))
    result = invoke("train", "mine.py", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("inkling: mine.py: expected a recipe that runs")
    assert result.stderr.count("\n") == 1


def test_a_stopped_run_goes_on_without_the_file(mine, tmp_path):
    counter = iter(range(10**9))
    recipe = custom.load(mine)
    loop.create(tmp_path / "run", recipe, 0, "cpu", mine)
    mine.unlink()
    assert not loop.train(tmp_path / "run", lambda _: None, lambda: next(counter) >= 3)
    assert loop.train(tmp_path / "run", lambda _: None, finish=quick_bundle)


def test_a_file_of_before_0_7_is_a_recipe(mine):
    old = GOOD.replace("from inkling import Recipe", "from inkling.recipes import Recipe")
    old = old.replace('"custom"', '"own", views="flip", learning_rate=0.1')
    mine.write_text(old)
    recipe = custom.load(mine)
    assert recipe.model == "custom"
    assert recipe.evaluation.test_time_augmentation == "flip"
    assert recipe.optimizer.learning_rate == 0.1


def test_a_network_that_gives_no_graph_is_refused_before_it_trains(mine, tmp_path):
    mine.write_text(
        GOOD.replace("nn.Sequential(", "Odd(").replace(
            "def model",
            "class Odd(nn.Sequential):\n"
            "    def forward(self, images):\n"
            "        logits = super().forward(images)\n"
            "        return logits if logits.sum() > 0 else -logits\n\n"
            "def model",
        )
    )
    with pytest.raises(RecipeError, match="expected a recipe that gives a graph, but"):
        loop.create(tmp_path / "run", custom.load(mine), 0, "cpu", mine)
    assert not (tmp_path / "run").exists()


def test_a_stem_that_is_not_there_cannot_be_frozen(tmp_path):
    frozen = change(recipes.get("digits"), ["freeze=0.5", "dataset=optdigits"])
    loop.create(tmp_path / "run", frozen, 0, "cpu")
    with pytest.raises(RecipeError, match="a network with a stem to freeze"):
        loop.train(tmp_path / "run", lambda _: None)
