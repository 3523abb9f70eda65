"""Three well-known trainings on MNIST: PyTorch's example, fast.ai's lesson 7 and tuomaso's.

    python torch_mnist.py pytorch --data FOLDER --threads 2 --seed 0

All images are in memory and normalised before the time starts, and a batch is selected by indices.
This favours PyTorch's example and fast.ai's lesson, which load and transform each image.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import interface
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adadelta, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR


@dataclass(frozen=True)
class Peer:
    """A training with the values of its author."""

    network: nn.Module
    optimizer: Optimizer
    schedule: Callable[[int, int], LRScheduler]  # of the number of epochs and of steps an epoch
    epochs: int
    batch: int  # images
    padding: int = 0  # pixels of background a side, before 28x28 are cropped at random
    drop_last: bool = False  # whether an epoch drops images that do not fill a batch


def main() -> None:
    """Train one peer. Print a line about the network, and a line after each epoch."""
    peers = {"pytorch": pytorch, "fastai": fastai, "tuomaso": tuomaso}
    parser = interface.parser(__doc__)
    parser.add_argument("peer", choices=peers)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    peer = peers[options.peer]()
    arrays = interface.load(options.data)
    windows = crops(normalised(arrays["train_images"]), peer.padding)
    labels = torch.from_numpy(arrays["train_labels"]).long()
    test_images = normalised(arrays["test_images"])
    test_labels = torch.from_numpy(arrays["test_labels"]).long()
    epochs = options.epochs or peer.epochs
    used = len(labels) - len(labels) % peer.batch if peer.drop_last else len(labels)
    schedule = peer.schedule(epochs, -(-used // peer.batch))
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    interface.report(
        options.peer,
        versions=versions,
        parameters=sum(weight.numel() for weight in peer.network.parameters()),
        multiply_adds=multiply_adds(peer.network, test_images[:1]),
    )
    seconds = 0.0
    for epoch in range(1, epochs + 1):
        peer.network.train()
        started = time.perf_counter()
        for chosen in torch.randperm(len(labels))[:used].split(peer.batch):
            row, column = torch.randint(2 * peer.padding + 1, (2, len(chosen)))
            peer.optimizer.zero_grad()
            scores = peer.network(windows[chosen, :, row, column])
            F.cross_entropy(scores, labels[chosen]).backward()
            peer.optimizer.step()
            schedule.step()
        seconds += time.perf_counter() - started
        right = accuracy(peer.network, test_images, test_labels)
        interface.report(options.peer, epoch=epoch, seconds=seconds, accuracy=right)


def pytorch() -> Peer:
    """PyTorch's example: pytorch/examples, mnist/main.py, which shuffles only on an accelerator."""
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )
    optimizer = Adadelta(network.parameters(), lr=1.0)
    return Peer(
        network,
        optimizer,
        schedule=lambda _, steps: StepLR(optimizer, step_size=steps, gamma=0.7),
        epochs=14,
        batch=64,
    )


def fastai() -> Peer:
    """fast.ai's lesson 7: fastai/course-v3, lesson7-resnet-mnist.ipynb, with fastai 1's defaults.

    It normalises by the mean and standard deviation of one batch, here by those of the training
    set.
    """
    widths = (1, 8, 16, 32, 16)
    stages = [
        nn.Sequential(conv_layer(before, width, stride=2), ResBlock(width))
        for before, width in pairwise(widths)
    ]
    network = nn.Sequential(*stages, conv_layer(widths[-1], 10, stride=2), nn.Flatten())
    # Learner's weight decay is AdamW's, also of batch norm. The cycle sets the first beta.
    optimizer = AdamW(network.parameters(), betas=(0.95, 0.99), weight_decay=0.01)
    return Peer(
        network,
        optimizer,
        # torch's defaults are those of fit_one_cycle: 1/25 to 1 in 30 % of steps, then to 1/250,000
        schedule=lambda epochs, steps: OneCycleLR(optimizer, 0.05, total_steps=epochs * steps),
        epochs=12,
        batch=128,
        padding=3,
        drop_last=True,
    )


def tuomaso() -> Peer:
    """tuomaso/train_mnist_fast, 8_Final_00s76.ipynb. Its one epoch is shuffled."""
    network = nn.Sequential(
        nn.Conv2d(1, 24, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(800, 256),
        nn.ReLU(),
        nn.Linear(256, 10),
    )
    optimizer = Adam(network.parameters(), lr=0.01, betas=(0.7, 0.9))
    return Peer(
        network,
        optimizer,
        schedule=lambda epochs, steps: OneCycleLR(
            optimizer, 0.01, total_steps=epochs * steps, cycle_momentum=False
        ),
        epochs=1,
        batch=256,
    )


class ResBlock(nn.Module):
    """Two convolutions with a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv_layer(width, width), conv_layer(width, width))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, width, side, side)` -> the same shape."""
        return images + self.layers(images)


def conv_layer(before: int, width: int, stride: int = 1) -> nn.Sequential:
    """The layer of fastai 1: ReLU comes before batch norm, which begins as the identity."""
    convolution = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return nn.Sequential(convolution, nn.ReLU(inplace=True), nn.BatchNorm2d(width))


def normalised(images: np.ndarray) -> Tensor:
    """Bytes `(n, 28, 28)` as `(n, 1, 28, 28)`, mean 0 and deviation 1 over the training set."""
    return (torch.from_numpy(images)[:, None] / 255 - 0.1307) / 0.3081


def crops(images: Tensor, padding: int) -> Tensor:
    """All crops `(n, 1, row, column, 28, 28)` of the images padded with background."""
    framed = F.pad(images, (padding,) * 4, value=images.min().item())
    return framed.unfold(2, 28, 1).unfold(3, 28, 1)


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The accuracy in per cent."""
    network.eval()
    scores = torch.cat([network(batch) for batch in images.split(1000)])
    return 100 * int((scores.argmax(dim=1) == labels).sum()) / len(labels)


@torch.inference_mode()
def multiply_adds(network: nn.Module, image: Tensor) -> int:
    """Multiply-adds of the convolutions and dense layers for one image."""
    counts = []
    hooks = [
        layer.register_forward_hook(
            lambda layer, _, output: counts.append(output.numel() * layer.weight[0].numel())
        )
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    network.eval()(image)
    for hook in hooks:
        hook.remove()
    return sum(counts)


if __name__ == "__main__":
    main()
