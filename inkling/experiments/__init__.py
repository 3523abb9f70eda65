"""What a training is, and what it came to; without PyTorch.

`recipe.Recipe` is every number of a training, `recipes` the named ones; `runs` the folder of a
training and `events` what it reports; `records` the results over seeds, `leaderboard` the boards.
"""

from inkling.experiments.recipe import Recipe
from inkling.experiments.recipes import RECIPES
from inkling.experiments.records import Record

__all__ = ["RECIPES", "Recipe", "Record"]
