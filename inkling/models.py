"""The PyTorch networks. Each eats images `(N, 1, 28, 28)` in [0, 1] and gives logits `(N, K)`.

Input scaling is part of the network, so that nothing that serves has a constant to keep.
"""

import math

import torch
from torch import Generator, Tensor, nn

MNIST_MEAN, MNIST_STD = 0.1307, 0.3081  # of the pixels of MNIST's training images


class Standardise(nn.Module):
    """Images moved to mean 0 and standard deviation 1, by MNIST's own figures."""

    def forward(self, images: Tensor) -> Tensor:
        """Pixels in [0, 1] -> standardised, same shape."""
        return (images - MNIST_MEAN) / MNIST_STD


def mlp(classes: int) -> nn.Module:
    """The tutorial's network: 101,770 parameters for ten classes."""
    return nn.Sequential(
        nn.Flatten(),  # (N, 784)
        nn.Linear(28 * 28, 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )


def cnn(classes: int) -> nn.Module:
    """The Fashion-MNIST challenge's network: 421,642 parameters for ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=3, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 14, 14)
        nn.Conv2d(32, 64, kernel_size=3, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 7, 7)
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )


def digits(classes: int) -> nn.Module:
    """The network that ships: 66,170 parameters and 3.7 million multiply-adds for ten classes.

    Pooling stands before the normalisation, which then has a quarter of the work.
    """

    def block(inputs: int, outputs: int, pool: bool) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        pooling = [nn.MaxPool2d(2)] if pool else []
        return [convolution, *pooling, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        Standardise(),
        *block(1, 16, pool=True),  # (N, 16, 14, 14)
        *block(16, 32, pool=True),  # (N, 32, 7, 7)
        *block(32, 64, pool=False),
        *block(64, 64, pool=True),  # (N, 64, 3, 3)
        nn.Flatten(),
        nn.Linear(64 * 3 * 3, classes),
    )


MODELS = {"mlp": mlp, "cnn": cnn, "digits": digits}


def build(name: str, classes: int, generator: Generator) -> nn.Module:
    """A network with fresh weights, all drawn from `generator`.

    Weights and biases are uniform within 1 / sqrt(fan in), PyTorch's own default for both.
    """
    with torch.device("meta"):  # where PyTorch's own initialisation draws no numbers
        model = MODELS[name](classes)
    model.to_empty(device="cpu")
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a stub lacks it
    return model


def count_parameters(model: nn.Module) -> int:
    """The number of trained values."""
    return sum(parameter.numel() for parameter in model.parameters())


@torch.no_grad()
def count_multiply_adds(model: nn.Module) -> int:
    """The multiply-adds that one image costs in convolutions and dense layers."""
    counts: list[int] = []

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        positions = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        counts.append(positions * layer.get_parameter("weight").numel())

    weighted = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in weighted]
    was_training = model.training
    device = next(model.parameters()).device
    model.eval()(torch.zeros(1, 1, 28, 28, device=device))
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return sum(counts)
