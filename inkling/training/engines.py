"""What takes the steps of a training: PyTorch, or the network from first principles.

Both learn from the same batches. Both give the trained network as a PyTorch module, to be measured
and exported, and their whole state as tensors, to be saved.
"""

import ctypes
import math
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController
from torch import Generator, Tensor, nn

from inkling import system
from inkling.errors import RecipeError, RunError
from inkling.experiments.recipe import Recipe
from inkling.ink import Shape
from inkling.networks import architectures, custom, scratch
from inkling.training.group import ALONE, Group

WEIGHTS, ORDER, AUGMENTATION, FLIPS, SYNTHETIC = range(5)  # the purposes of a Generator
NO_CLASS = -1  # the label of an outlier: its target is every class alike
EVALUATION_BATCH = 200  # images, whose features stay small; larger batches are no faster
IMAGES_AT_ONCE = 500  # of one call, where steps are too short to look up after each


class Kept(Protocol):
    """A network in training, whose state is saved."""

    def network(self) -> nn.Module:
        """The network as it is: images -> logits `(N, K)`, or lines -> logits `(N, T, K)`."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """All that learning has changed, by name; those of the network begin with "model."."""
        ...

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `tensors` gave. Raises KeyError, ValueError or RuntimeError at others."""
        ...


class Engine(Kept, Protocol):
    """A network in training on images."""

    steps_at_once: int  # at most, of one call of `learn`

    def learn(
        self, images: Tensor, labels: Tensor, rates: list[float], rng: Generator
    ) -> tuple[float, int]:
        """Take one step for each learning rate, on as many equal batches of the images in order.

        Images `(N, C, H, W)` in [0, 1], labels `(N,)`; `rng` decides what dropout drops.
        Gives the sum of the steps' losses, and how many of a recipe's `batch` images, which
        come first in each, were read correctly.
        """
        ...

    def freeze(self) -> None:
        """Train the network's stem no further."""
        ...


def build(
    recipe: Recipe,
    classes: int,
    seed: int,
    device: str,
    source: Path,
    group: Group = ALONE,
    shape: Shape = architectures.DIGIT,
) -> Engine:
    """The recipe's network with fresh weights, decided by `seed`, and what trains it.

    `recipe.batch` is that of this process, and `shape` that of an image. `source` is the file of a
    user's own network. Raises RecipeError.
    """
    if recipe.model == "scratch":
        return Scratch(recipe, classes, seed, shape)
    rng = generator(seed, WEIGHTS, 0)
    if recipe.model == "custom":
        model = custom.build(source, classes, rng, shape)
    else:
        model = architectures.build(recipe.model, classes, rng, shape)
    if recipe.freeze < 1 and not hasattr(model, "stem"):
        raise RecipeError(
            f"{recipe.name}: expected a network with a stem to freeze, {recipe.model} has none",
            "Train all of it: --set freeze=1",
        )
    return Torch(recipe, model.to(device), group=group)


class Torch:
    """A PyTorch network, and its optimizer."""

    steps_at_once = 1

    def __init__(
        self,
        recipe: Recipe,
        model: nn.Module,
        freeze_statistics: bool = False,
        group: Group = ALONE,
    ) -> None:
        """Train `model`.

        `freeze_statistics` keeps means and variances of normalisations, as fine-tuning does. It
        takes few steps, for which SGD is a plain Descent.
        """
        self.recipe = recipe
        self.model = model
        self.forward = group.wrap(model)
        self.freeze_statistics = freeze_statistics
        plain = freeze_statistics and recipe.optimizer.name == "sgd"
        self.optimizer = Descent(recipe, model) if plain else _optimizer(recipe, model)
        self.frozen = False
        model.eval()  # `learn` sets the modes of a network that does not train yet
        kinds = [type(module).__name__ for module in model.modules()]
        self.drops = recipe.model == "custom" or any("Dropout" in kind for kind in kinds)
        if next(model.parameters()).device.type == "cpu":
            keep_freed_memory()

    def learn(
        self, images: Tensor, labels: Tensor, rates: list[float], rng: Generator
    ) -> tuple[float, int]:
        """One step; see Engine."""
        (rate,) = rates
        if not self.model.training:
            self.model.train()
            for layer in self.model.modules():
                if self.freeze_statistics and isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        if self.frozen:
            self.model.get_submodule("stem").requires_grad_(False).eval()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with precision(self.recipe, images.device), seeded(rng, self.drops):
            logits = self.forward(images.to(memory_format=torch.channels_last)).float()
        loss = self._loss(logits, labels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        self.optimizer.step()
        right = (logits.argmax(1) == labels)[: self.recipe.batch]
        return loss.item(), int(right.sum())

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The cross-entropy; where there is no class, from all of them alike.

        Beside it, whether there is one, from the log-sum-exp of the logits, which the
        cross-entropy leaves free. Source: Liu et al. 2020, with a logistic loss.
        """
        smoothing = self.recipe.label_smoothing
        if not (self.recipe.augmentation.outliers or self.recipe.augmentation.real_outliers):
            return F.cross_entropy(logits, labels, label_smoothing=smoothing)
        known = (labels != NO_CLASS).float()
        spread = torch.where(known > 0, smoothing, 1.0)[:, None]
        certain = F.one_hot(labels.clamp(min=0), logits.shape[1])
        classes = F.cross_entropy(logits, certain * (1 - spread) + spread / logits.shape[1])
        return classes + F.binary_cross_entropy_with_logits(logits.logsumexp(1), known)

    def freeze(self) -> None:
        """See Engine."""
        self.frozen = True

    def network(self) -> nn.Module:
        """The network itself, not a copy; a caller may set it to eval."""
        return self.model

    def tensors(self) -> dict[str, Tensor]:
        """Weights, and the optimizer's memory."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, memory in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in memory.items()}
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """See Engine."""
        prefix = "model."
        self.model.load_state_dict(
            {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        )
        parameters = list(self.model.parameters())
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                like = parameters[int(index)]  # a fused step takes the same layout for granted
                if tensor.shape == like.shape:
                    tensor = torch.empty_like(like).copy_(tensor)
                memory.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": memory, "param_groups": groups})


class Descent:
    """PyTorch's SGD with Nesterov momentum, in plain operations.

    That of torch.optim imports PyTorch's compiler: 90 MB, and as long as PyTorch itself takes.
    """

    def __init__(self, recipe: Recipe, model: nn.Module) -> None:
        self.momentum = recipe.optimizer.momentum
        self.decay = recipe.optimizer.weight_decay
        self.parameters = list(model.parameters())
        self.velocity = [torch.zeros_like(each) for each in self.parameters]
        self.param_groups: list[dict[str, Any]] = [{"lr": 0.0}]

    def zero_grad(self) -> None:
        """Forget the last step's gradients."""
        for each in self.parameters:
            each.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Source: Sutskever et al. 2013, as torch.optim.SGD's documentation has it."""
        for each, velocity in zip(self.parameters, self.velocity, strict=True):
            if each.grad is not None:
                slope = each.grad.add(each, alpha=self.decay)
                velocity.mul_(self.momentum).add_(slope)
                slope.add_(velocity, alpha=self.momentum)
                each.sub_(slope, alpha=self.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """As torch.optim.SGD's."""
        memory = {index: {"momentum_buffer": each} for index, each in enumerate(self.velocity)}
        return {"state": memory, "param_groups": self.param_groups}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.velocity = [each["momentum_buffer"] for _, each in sorted(state["state"].items())]
        self.param_groups = state["param_groups"]


class Scratch:
    """The network of scratch.py, whose multiplications are NumPy's."""

    def __init__(self, recipe: Recipe, classes: int, seed: int, shape: Shape) -> None:
        self.recipe = recipe
        sizes = (math.prod(shape), *map(int, recipe.scratch.hidden.split(",")), classes)
        values, optimizer = recipe.scratch, recipe.optimizer
        self.shape = scratch.Network(sizes, values.activation, values.loss, values.initialiser)
        self.optimizer = scratch.Optimizer(
            optimizer.name, optimizer.momentum, optimizer.second_momentum, optimizer.weight_decay
        )
        rng = np.random.default_rng(np.random.SeedSequence([seed, WEIGHTS]))
        self.state = scratch.begin(scratch.initialise(self.shape, rng))
        self.threads = ThreadpoolController()  # BLAS spreads even one image over all
        self.steps_at_once = -(-IMAGES_AT_ONCE // recipe.batch)

    def learn(
        self, images: Tensor, labels: Tensor, rates: list[float], _: Generator
    ) -> tuple[float, int]:
        """Several steps; see Engine."""
        recipe, classes = self.recipe, self.shape.sizes[-1]
        targets = scratch.one_hot(labels.numpy(), classes, recipe.label_smoothing)
        rows = images.flatten(1).numpy()
        quiet = np.errstate(over="ignore", invalid="ignore")  # the loop checks the loss
        with quiet, self.threads.limit(limits=1 if recipe.batch == 1 else torch.get_num_threads()):
            self.state, lost, right = scratch.learn(
                self.shape, self.optimizer, self.state, rows, targets, rates
            )
        return lost, right

    def freeze(self) -> None:
        """Nothing: there is no stem, and a recipe that freezes is an error."""

    def network(self) -> nn.Module:
        """The same network, of PyTorch's layers."""
        layers: list[nn.Module] = [nn.Flatten()]
        for weights, bias in self.state.parameters:
            inputs, outputs = weights.shape
            layer = nn.Linear(inputs, outputs, device="meta")  # where no numbers are drawn
            values = {"weight": torch.tensor(weights.T), "bias": torch.tensor(bias)}
            layer.load_state_dict(values, assign=True)
            layers += [layer, LAYERS[self.recipe.scratch.activation]()]
        return nn.Sequential(*layers[:-1])

    def tensors(self) -> dict[str, Tensor]:
        """Weights and biases, and Adam's or the momentum's memory of each."""
        return {
            f"{kind}.{index}.{name}": torch.tensor(array)
            for kind, parameters in zip(KINDS, self.state[:3], strict=True)
            for index, layer in enumerate(parameters)
            for name, array in layer._asdict().items()
        } | {"steps": torch.tensor(self.state.steps)}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """See Engine."""
        if {name: tensor.shape for name, tensor in tensors.items()} != {
            name: tensor.shape for name, tensor in self.tensors().items()
        }:
            raise ValueError("the checkpoint is of another network")
        layers = range(len(self.state.parameters))
        parameters, velocity, squares = (
            tuple(
                scratch.Layer(*(tensors[f"{kind}.{i}.{name}"].numpy() for name in FIELDS))
                for i in layers
            )
            for kind in KINDS
        )
        self.state = scratch.State(parameters, velocity, squares, int(tensors["steps"]))


LAYERS = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # whose slope below 0 is scratch.LEAK too
}
KINDS, FIELDS = ("model", "velocity", "squares"), ("weights", "bias")  # in a checkpoint


def choose_device(
    named: str | None, recipe: Recipe, hint: str = "Leave --device out to take the best one"
) -> str:
    """The named device, or without one the best that is here: cuda, mps or cpu.

    Raises RunError, with that hint, if the named one is not here.
    """
    torch_too = recipe.model != "scratch"  # which NumPy computes
    here = [
        *(["cuda"] if torch_too and torch.cuda.is_available() else []),
        *(["mps"] if torch_too and torch.backends.mps.is_available() else []),
        "cpu",
    ]
    if named is not None and named not in here:
        raise RunError(
            f"Expected a device that is here ({', '.join(here)}), got {named!r}",
            hint,
        )
    return named or here[0]


def place(device: str) -> dict[str, Any]:
    """Where a training runs: its seconds depend on this, its accuracy hardly."""
    gpu = {"gpu": torch.cuda.get_device_name()} if device == "cuda" else {}
    return {
        "device": device,
        "threads": torch.get_num_threads(),
        "machine": system.describe() | gpu,
        "versions": system.versions("torch", "numpy", "onnxruntime"),
    }


def generator(seed: int, purpose: int, index: int, device: str = "cpu") -> Generator:
    """The Generator of a (seed, purpose, epoch or step)."""
    made = Generator(device)
    (state,) = np.random.SeedSequence([seed, purpose, index]).generate_state(1)
    made.manual_seed(int(state))
    return made


@torch.no_grad()
def compute_logits(
    model: nn.Module, images: NDArray[np.float32] | NDArray[np.uint8]
) -> NDArray[np.float32]:
    """The logits `(N, K)` of images `(N, C, H, W)`, in float32, batch by batch.

    They are float32 in [0, 1], or uint8 in 0..255.
    """
    device = next(model.parameters()).device
    model.eval()
    rows = []
    for start in range(0, len(images), EVALUATION_BATCH):
        batch = images[start : start + EVALUATION_BATCH].astype(np.float32)
        batch /= np.float32(255 if images.dtype == np.uint8 else 1)
        rows.append(model(torch.from_numpy(batch).to(device)).cpu().numpy())
    return np.concatenate(rows)


@contextmanager
def seeded(rng: Generator, needed: bool = True) -> Iterator[None]:
    """Seed the global generator from `rng`, since dropout knows no other; then restore it."""
    if not needed:
        yield
        return
    kind = rng.device.type
    forked = [torch.cuda.current_device()] if kind == "cuda" else [] if kind == "cpu" else None
    with torch.random.fork_rng(forked, device_type=kind):
        torch.manual_seed(rng.initial_seed())
        yield


def _optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Its learning rate is set at each step."""
    values = recipe.optimizer
    if values.name == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            momentum=values.momentum,
            nesterov=values.momentum > 0,
            weight_decay=values.weight_decay,
            fused=True,
        )
    return torch.optim.AdamW(
        model.parameters(),
        betas=(values.momentum, values.second_momentum),
        weight_decay=values.weight_decay,
        fused=True,
    )


def keep_freed_memory() -> None:
    """Make glibc keep what is freed: a step then takes no page faults, and a quarter less time.

    The numbers are malloc.h's M_MMAP_THRESHOLD, at its maximum, and M_TRIM_THRESHOLD. Where
    there is no mallopt, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if platform.system() == "Linux" else None
    if mallopt is not None:
        mallopt(-3, 32 << 20)
        mallopt(-1, 2**31 - 1)


def precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 autocast if the recipe wants it and the device is faster with it; else nothing."""
    if device.type == "cuda":
        here = torch.cuda.is_bf16_supported(including_emulation=False)
    else:  # Intel's instructions for it are slower than those for float32, AMX's tiles apart
        intel = "Intel" in str(system.describe()["processor"])
        quick = torch.cpu._is_amx_tile_supported() or not intel
        here = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported() and quick
    wanted = recipe.precision == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=here and wanted)
