"""The processes that train one network together: each learns from its share of every batch.

Their gradients are averaged at each step, so that all keep the same weights: PyTorch's
DistributedDataParallel. Statistics of normalisations are those of a share. They are kept by the
first process, which alone reports, saves and finishes.
"""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from inkling.errors import RecipeError
from inkling.experiments.recipe import Recipe


@dataclass(frozen=True)
class Group:
    """This process among those that train together; by default, it is alone."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether it is the one that reports and saves."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """What gives the model's outputs, so that the gradients of all are averaged."""
        if self.size == 1:
            return model
        # Where unused parameters are looked for, a stem may be frozen, and buckets of gradients
        # stay as they are: so the sums have one order, and a resumed run the same bits.
        return DistributedDataParallel(model, find_unused_parameters=True)

    def total(self, *values: float) -> tuple[float, ...]:
        """The sum of each value over the group."""
        if self.size == 1:
            return values
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        kept = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(kept)
        return tuple(kept.tolist())

    def agreed(self, answer: bool) -> bool:
        """What the leading process answers."""
        return bool(self.total(answer and self.leads)[0])

    def check(self, recipe: Recipe) -> None:
        """Raise RecipeError unless a recipe's batches can be divided."""
        if recipe.model == "scratch" and self.size > 1:
            raise RecipeError(
                "Expected a network of PyTorch to train with several workers, got scratch",
                "Train it without --workers",
            )
        for name, count in (("batch", recipe.batch), ("lines", recipe.lines)):
            if count % self.size:
                raise RecipeError(
                    f"Expected {name} to be a multiple of {self.size}, so that each worker has "
                    f"as many, got {count:,}",
                    f"Set another: --set {name}={max(1, count // self.size) * self.size}",
                )


ALONE = Group()
