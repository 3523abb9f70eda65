"""Three well-known MNIST trainings restated: PyTorch's example, fast.ai's lesson and tuomaso's.

    python torch_mnist.py pytorch --data FOLDER --threads 2 --seed 0

The images lie in memory, normalised before the clock starts, and a batch is drawn by its indices.
That favours PyTorch's example and fast.ai's lesson, which load and transform image by image.
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
    """A training with its author's values."""

    network: nn.Module
    optimizer: Optimizer
    schedule: Callable[[int, int], LRScheduler]  # of the epochs and the steps in each
    epochs: int
    batch: int  # images
    padding: int = 0  # pixels of ground on each side, out of which 28x28 are cut at random
    drop_last: bool = False  # leave out of an epoch what does not fill a batch


def main() -> None:
    """Train one peer; a line of what is trained, and one after each epoch."""
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
    """pytorch/examples, mnist/main.py; without an accelerator it does not even shuffle."""
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
    """fastai/course-v3, lesson7-resnet-mnist.ipynb, with the defaults of fastai 1.

    It normalises by the mean and deviation of one batch; here they are the training set's.
    """
    widths = (1, 8, 16, 32, 16)
    stages = [
        nn.Sequential(conv_layer(before, width, stride=2), ResBlock(width))
        for before, width in pairwise(widths)
    ]
    network = nn.Sequential(*stages, conv_layer(widths[-1], 10, stride=2), nn.Flatten())
    # Learner's "true" decay is AdamW's, of batch norm too; the cycle sets the first of the betas
    optimizer = AdamW(network.parameters(), betas=(0.95, 0.99), weight_decay=0.01)
    return Peer(
        network,
        optimizer,
        # torch's defaults are fit_one_cycle's: from a 25th up in 30 %, then down to a 250,000th
        schedule=lambda epochs, steps: OneCycleLR(optimizer, 0.05, total_steps=epochs * steps),
        epochs=12,
        batch=128,
        padding=3,
        drop_last=True,
    )


def tuomaso() -> Peer:
    """tuomaso/train_mnist_fast, 8_Final_00s76.ipynb; shuffled once, which one epoch needs."""
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
    """What comes in and two layers of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv_layer(width, width), conv_layer(width, width))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, width, side, side)` to the same."""
        return images + self.layers(images)


def conv_layer(before: int, width: int, stride: int = 1) -> nn.Sequential:
    """fastai 1's layer: the rectifier before the batch norm, which starts as the identity."""
    convolution = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight)
    return nn.Sequential(convolution, nn.ReLU(inplace=True), nn.BatchNorm2d(width))


def normalised(images: np.ndarray) -> Tensor:
    """Bytes `(n, 28, 28)` to `(n, 1, 28, 28)` of mean 0 and deviation 1 over the training set."""
    return (torch.from_numpy(images)[:, None] / 255 - 0.1307) / 0.3081


def crops(images: Tensor, padding: int) -> Tensor:
    """Views `(n, 1, row, column, 28, 28)` of the images in a frame of ground."""
    framed = F.pad(images, (padding,) * 4, value=images.min().item())
    return framed.unfold(2, 28, 1).unfold(3, 28, 1)


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Per cent read right."""
    network.eval()
    scores = torch.cat([network(batch) for batch in images.split(1000)])
    return 100 * int((scores.argmax(dim=1) == labels).sum()) / len(labels)


@torch.inference_mode()
def multiply_adds(network: nn.Module, image: Tensor) -> int:
    """Those of the convolutions and the dense layers on one image."""
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
