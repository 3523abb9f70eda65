"""The PyTorch networks. Each eats images `(N, C, H, W)` in [0, 1] and gives logits `(N, K)`.

`shape` is that of an image of the data set, `(C, H, W)`. The sizes in comments are those of digits.
Those in LINE_MODELS eat lines `(N, 1, 32, W)`, and give logits for each column.

Input scaling is part of the network, so that serving needs no constants. Where the first layers
are named `stem`, a training can freeze them.
"""

import math
from collections import OrderedDict
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from inkling.errors import RecipeError, suggest
from inkling.ink import SHAPES, Shape

MIN_VARIANCE = 0.01  # of an image's pixels: fainter ones are not made as strong as others
MNIST_MEAN, MNIST_STD = 0.1307, 0.3081  # of the pixels of MNIST's training images
# Of CIFAR-10's, all colours together, so that they keep their balance: from airbench's figures of
# each, means 0.4914, 0.4822 and 0.4465, standard deviations 0.2470, 0.2435 and 0.2616.
CIFAR_MEAN, CIFAR_STD = 0.4734, 0.2516
DIGIT = SHAPES["digit"]


class Standardise(nn.Module):
    """Images moved to mean 0 and standard deviation 1, by the figures of MNIST or others."""

    def __init__(self, mean: float = MNIST_MEAN, std: float = MNIST_STD) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, images: Tensor) -> Tensor:
        """Pixels in [0, 1] -> standardised, same shape."""
        return (images - self.mean) / self.std


class StandardiseEach(nn.Module):
    """Per-image standardisation: mean 0, standard deviation 1, so that contrast does not count."""

    def forward(self, images: Tensor) -> Tensor:
        """Pixels `(N, C, H, W)` in [0, 1] -> standardised, each channel by itself."""
        centred = images - images.mean((2, 3), keepdim=True)
        variance = (centred * centred).mean((2, 3), keepdim=True)
        return centred / (variance + MIN_VARIANCE).sqrt()


def mlp(classes: int, shape: Shape) -> nn.Module:
    """The tutorial's network: 101,770 parameters for ten classes."""
    return nn.Sequential(
        nn.Flatten(),  # (N, 784)
        nn.Linear(math.prod(shape), 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )


def cnn(classes: int, shape: Shape) -> nn.Module:
    """The Fashion-MNIST challenge's network: 421,642 parameters for ten classes."""
    return nn.Sequential(
        nn.Conv2d(shape[0], 32, kernel_size=3, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 14, 14)
        nn.Conv2d(32, 64, kernel_size=3, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 7, 7)
        nn.Flatten(),
        nn.Linear(64 * _cells(shape, 4), 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )


def compact(classes: int, shape: Shape) -> nn.Module:
    """Four convolutions: 66,170 parameters and 3.7 million multiply-adds for ten classes."""
    body = _convolutions(shape, 16, 32, 64, 64)
    return nn.Sequential(Standardise(), *body, nn.Linear(64 * _cells(shape, 8), classes))


def digits(classes: int, shape: Shape) -> nn.Module:
    """The network that ships: 209,954 parameters and 5.1 million multiply-adds for ten classes.

    Without padding where features are small: it would be half of the work.
    """
    return nn.Sequential(StandardiseEach(), *_digits(classes, shape, 24, 56, 112, 128))


def digits_small(classes: int, shape: Shape) -> nn.Module:
    """The network that shipped before 0.8.0: 99,946 parameters and 2.5 million multiply-adds."""
    return nn.Sequential(StandardiseEach(), *_digits(classes, shape, 16, 40, 80, 80))


def _digits(
    classes: int, shape: Shape, first: int, second: int, third: int, last: int
) -> list[nn.Module]:
    """Standardised images -> logits, with half of the work of `_convolutions`."""
    return [
        *_block(shape[0], first, pool=True),  # (N, first, 14, 14)
        *_block(first, second, pool=True),  # (N, second, 7, 7)
        *_block(second, third, padding=0),  # (N, third, 5, 5)
        *_block(third, last, padding=0),  # (N, last, 3, 3)
        nn.Flatten(),
        nn.Linear(last * _cells(shape, 4, lost=4), classes),
    ]


def wide(classes: int, shape: Shape) -> nn.Module:
    """`compact` twice as wide, with dropout, for `best`: 252,138 parameters for ten classes."""
    body = _convolutions(shape, 32, 64, 128, 128)
    last = nn.Linear(128 * _cells(shape, 8), classes)
    return nn.Sequential(Standardise(), *body, nn.Dropout(0.4), last)


def _convolutions(shape: Shape, first: int, second: int, third: int, last: int) -> list[nn.Module]:
    """Standardised images -> features, an eighth of the image a side."""
    return [
        *_block(shape[0], first, pool=True),  # (N, first, 14, 14)
        *_block(first, second, pool=True),  # (N, second, 7, 7)
        *_block(second, third),
        *_block(third, last, pool=True),  # (N, last, 3, 3)
        nn.Flatten(),
    ]


class Crop(nn.Module):
    """Images without the two outer rows and columns a side, which hold next to no ink."""

    def forward(self, images: Tensor) -> Tensor:
        """`(N, C, 28, 28)` -> `(N, C, 24, 24)`."""
        return images[:, :, 2:-2, 2:-2]


def sprint(classes: int, shape: Shape) -> nn.Module:
    """The most accuracy for a second of training: 20,370 parameters for ten classes.

    Few layers on small images, so that a step is mostly one large product.
    """
    first = nn.Conv2d(shape[0], 24, kernel_size=5, stride=2, padding=2, bias=False)
    stem = nn.Sequential(
        Crop(),
        Standardise(),
        first,  # (N, 24, 12, 12)
        nn.MaxPool2d(2),
        nn.BatchNorm2d(24),
        nn.ReLU(),
    )
    body = nn.Sequential(
        *_block(24, 64, pool=True),  # (N, 64, 3, 3)
        nn.Flatten(),
        nn.Linear(64 * _cells((24, shape[1] - 4, shape[2] - 4), 8), classes),
    )
    return nn.Sequential(OrderedDict(stem=stem, body=body))


class Residual(nn.Module):
    """Two layers of a block each, added to what they are given. Source: He et al. 2015."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(*_block(channels, channels), *_block(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, H, W)` -> the same shape."""
        return features + self.branch(features)  # type: ignore[no-any-return]  # of every module


class MaximumAndMean(nn.Module):
    """The largest and the mean value of each channel."""

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, H, W)` -> `(N, 2 C)`."""
        return torch.cat([features.amax((2, 3)), features.mean((2, 3))], 1)


def residual(classes: int, shape: Shape) -> nn.Module:
    """Residual, for the challenge: 487,930 parameters for ten classes."""
    return nn.Sequential(
        Standardise(),
        *_block(shape[0], 16),  # (N, 16, 28, 28)
        *_block(16, 32, pool=True),  # (N, 32, 14, 14)
        Residual(32),
        *_block(32, 64, pool=True),  # (N, 64, 7, 7)
        Residual(64),
        *_block(64, 128, pool=True),  # (N, 128, 3, 3)
        Residual(128),
        MaximumAndMean(),
        nn.Linear(2 * 128, classes),
    )


def cifar(classes: int, shape: Shape) -> nn.Module:
    """For CIFAR-10: 296,386 parameters and 19.9 million multiply-adds for ten classes.

    airbench's network, narrower; its first layer, of 2x2 pixels, learns as the others do instead of
    being whitened. Source: Jordan 2024, airbench, CifarNet.
    """
    return nn.Sequential(
        Standardise(CIFAR_MEAN, CIFAR_STD),
        nn.Conv2d(shape[0], 24, kernel_size=2),  # (N, 24, 31, 31), of 32x32
        nn.GELU(),
        *_block(24, 32, pool=True, activation=nn.GELU),  # (N, 32, 15, 15)
        *_block(32, 32, activation=nn.GELU),
        *_block(32, 64, pool=True, activation=nn.GELU),  # (N, 64, 7, 7)
        *_block(64, 64, activation=nn.GELU),
        *_block(64, 128, pool=True, activation=nn.GELU),  # (N, 128, 3, 3)
        *_block(128, 128, activation=nn.GELU),
        MaximumAndMean(),
        nn.Linear(2 * 128, classes),
    )


def _cells(shape: Shape, share: int, lost: int = 0) -> int:
    """The values of a channel, once pooled to a share of each side that then lost its border."""
    return (shape[1] // share - lost) * (shape[2] // share - lost)


def _block(
    inputs: int,
    outputs: int,
    pool: bool | tuple[int, int] = False,
    padding: int = 1,
    activation: type[nn.Module] = nn.ReLU,
) -> list[nn.Module]:
    """Pooling, by 2 or by rows and columns, stands before the normalisation, to save work."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=padding, bias=False)
    pooling = [nn.MaxPool2d(2 if pool is True else pool)] if pool else []
    return [convolution, *pooling, nn.BatchNorm2d(outputs), activation()]


class Along(nn.Module):
    """A convolution along a line, five columns wide, added to what it is given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 5), padding=(0, 2), bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, 1, T)` -> the same shape."""
        return features + self.branch(features)  # type: ignore[no-any-return]  # of every module


class Columns(nn.Module):
    """The classes of each column: `(N, K, 1, T)` -> `(N, T, K)`."""

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return features.squeeze(2).transpose(1, 2)


def numbers(classes: int) -> nn.Module:
    """Lines `(N, 1, 32, W)` -> logits `(N, W / 4, K)`: about 370,000 parameters.

    Pooling leaves one row, and a column for four pixels, narrower than any character.
    """
    return nn.Sequential(
        *_block(1, 24, pool=True),  # (N, 24, 16, W / 2)
        *_block(24, 48, pool=True),  # (N, 48, 8, W / 4)
        *_block(48, 76, pool=(2, 1)),
        *_block(76, 108, pool=(2, 1)),
        *_block(108, 120, pool=(2, 1)),  # (N, 120, 1, W / 4)
        Along(120),
        Along(120),
        nn.Dropout(0.2),
        nn.Conv2d(120, classes, kernel_size=1),
        Columns(),
    )


MODELS: dict[str, Callable[[int, Shape], nn.Module]] = {
    "mlp": mlp,
    "cnn": cnn,
    "compact": compact,
    "digits": digits,
    "digits-small": digits_small,
    "wide": wide,
    "sprint": sprint,
    "residual": residual,
    "cifar": cifar,
}
LINE_MODELS = {"numbers": numbers}


class Averaged(nn.Module):
    """A trained network with test-time augmentation: logits averaged over views of an image.

    "none": the image alone. "flip": the image and its mirror image. "shifts": the image, and it
    moved by one pixel up, down, left and right. Source: Krizhevsky et al. 2012, section 4.1.
    """

    def __init__(self, network: nn.Module, test_time_augmentation: str) -> None:
        super().__init__()
        self.network = network
        self.views = test_time_augmentation

    def forward(self, images: Tensor) -> Tensor:
        """Images `(N, C, H, W)` -> logits `(N, K)`."""
        views = [images]
        if self.views == "flip":
            views += [images.flip(3)]
        if self.views == "shifts":
            wide, (height, width) = F.pad(images, (1, 1, 1, 1)), images.shape[2:]
            corners = ((0, 1), (2, 1), (1, 0), (1, 2))
            views += [wide[:, :, y : y + height, x : x + width] for y, x in corners]
        logits = [self.network(view) for view in views]
        return torch.stack(logits).mean(0) if len(views) > 1 else logits[0]


def check(name: str) -> None:
    """Raise RecipeError unless a recipe may name this model."""
    known = (*MODELS, *LINE_MODELS, "scratch", "custom")
    if name not in known:
        raise RecipeError(
            f"Expected a model ({', '.join(known)}), got {name!r}",
            suggest(name, known, "A network of your own: docs/own-recipe.md"),
        )


def build(name: str, classes: int, generator: Generator, shape: Shape = DIGIT) -> nn.Module:
    """A network for images of a shape, with fresh weights, all drawn from `generator`.

    Weights and biases are uniform within 1 / sqrt(fan in), PyTorch's own default for both.
    """
    # PyTorch's own initialisation draws from the global generator. On the device "meta" it would
    # draw nothing, but import SymPy: 40 MB, and as long as PyTorch itself takes
    with torch.random.fork_rng(devices=[]):
        lines = LINE_MODELS.get(name)
        model = lines(classes) if lines else MODELS[name](classes, shape)
    for layer in model.modules():
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
def count_multiply_adds(model: nn.Module, shape: Shape = DIGIT) -> int:
    """The multiply-adds that one image `(C, H, W)` costs in convolutions and dense layers."""
    was_training, device = model.training, next(model.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(1, *shape, device=device))
    model.train(was_training)
    return int(counter.get_total_flops() // 2)  # a multiply-add is two operations
