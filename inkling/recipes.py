"""For recipe files of before 0.7.0, which import from here; today: `from inkling import Recipe`."""

from inkling.experiments.recipe import Recipe as Recipe
from inkling.experiments.recipes import RECIPES as RECIPES
from inkling.experiments.recipes import get as get
