"""What odd hands, bad pens, paper and cameras do to an image: functions of a batch, a Generator.

Each effect takes images `(N, 1, 28, 28)` in [0, 1], ink = 1 on 0, and gives new ones in the same
range, every image with strengths of its own. They are for training; how a network then reads
what others did to images is measured by benchmarks/mnist_c.py, some of which these resemble.
"""

import math
from collections.abc import Callable
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from inkling.augmentation.warp import warp
from inkling.ink.image import SIDE
from inkling.ink.paper import BOX

FRAMED = 0.4  # share of what is degraded that is then shrunk, as a reader shrinks what fills all


def degrade(images: Tensor, share: float, generator: Generator) -> Tensor:
    """The batch, a `share` of it under one of EFFECTS each; a new tensor."""
    order = torch.randperm(len(images), generator=generator, device=images.device)
    chosen = order[: round(share * len(images))]
    degraded = images.clone()
    ends = [
        round(len(chosen) * end / sum(EFFECTS.values())) for end in accumulate(EFFECTS.values())
    ]
    for part, effect in zip(chosen.tensor_split(ends[:-1]), EFFECTS, strict=True):
        if len(part):
            changed = effect(images[part], generator)
            few = round(FRAMED * len(part))
            degraded[part] = torch.cat([_framed(changed[:few]), changed[few:]])
    return degraded


def askew(images: Tensor, generator: Generator) -> Tensor:
    """Turned by up to 20 degrees, slanted, narrow or broad, bent: more than most hands do."""
    return warp(images, 1, 20, 0.3, 0.35, generator, bend_pixels=0.3)


def coarse(images: Tensor, generator: Generator) -> Tensor:
    """Seen in 9 to 16 pixels a side, grey or black and white."""
    cells = int(torch.randint(9, 17, (), generator=generator, device=images.device))
    small = F.interpolate(images, size=(cells, cells), mode="area")
    small = small / small.amax((2, 3), keepdim=True).clamp(min=0.1)
    threshold, binary, smooth = _uniform(3, images, generator)
    sharp = (small > 0.25 + 0.3 * threshold).float()
    small = torch.where(binary < 0.4, sharp, small)
    size = images.shape[2:]
    tiles = F.interpolate(small, size=size, mode="nearest")
    return torch.where(smooth < 0.7, F.interpolate(small, size=size, mode="bilinear"), tiles)


def blur(images: Tensor, generator: Generator) -> Tensor:
    """Out of focus, or moved: a Gaussian longer one way than the other."""
    narrow, long, angle = _uniform(3, images, generator)
    along, across = _turned(torch.arange(-4.0, 5, device=images.device), math.pi * angle)
    kernel = torch.exp(-((along / (0.3 + 2.5 * long)) ** 2 + (across / (0.3 + narrow)) ** 2) / 2)
    kernel = kernel / kernel.sum((2, 3), keepdim=True)  # (N, 1, 9, 9), each for its own image
    return F.conv2d(images.transpose(0, 1), kernel, padding=4, groups=len(images)).transpose(0, 1)


def noise(images: Tensor, generator: Generator) -> Tensor:
    """A grain on every pixel, or single pixels black or white."""
    kind, amount = _uniform(2, images, generator)
    device = images.device
    grain = torch.randn(images.shape, generator=generator, device=device) * 0.4 * amount
    chance = torch.rand(images.shape, generator=generator, device=device)
    single = torch.where(chance < 0.24 * amount, (chance < 0.12 * amount).float(), images)
    return torch.where(kind < 0.4, (images + grain).clamp(0, 1), single)


def broken(images: Tensor, generator: Generator) -> Tensor:
    """Strokes with gaps: where a line crosses them, or in patches."""
    kind, amount, angle, place = _uniform(4, images, generator)
    _, across = _turned(_centred(images), math.pi * angle)
    gap = (0.9 + 0.6 * amount - (across - 14 * (place - 0.5)).abs()).clamp(0, 1)
    patches = _clouds(images, SIDE // 2, generator) < 0.15 + 0.2 * amount
    return images * torch.where(kind < 0.5, ~patches, 1 - gap)


def doubled(images: Tensor, generator: Generator) -> Tensor:
    """A split nib: outlines instead of strokes; or a second, fainter image beside the first."""
    kind, faint = _uniform(2, images, generator)
    wide, thin = _dilated(images), -_dilated(-images)
    inner = images - thin
    inner = inner / inner.amax((2, 3), keepdim=True).clamp(min=0.2)
    down, across = torch.randint(-3, 4, (2,), generator=generator, device=images.device).tolist()
    second = torch.roll(images, (down, across), (2, 3)) * (0.3 + 0.7 * faint)
    both = torch.maximum(images, second)
    return torch.where(kind < 0.33, wide - thin, torch.where(kind < 0.66, inner, both))


def crossed(images: Tensor, generator: Generator) -> Tensor:
    """With one or two thin lines across, straight, zigzag or dotted."""
    for _ in range(2):
        drawn, angle, place, width, zigzag, period, phase, dotted = _uniform(8, images, generator)
        along, across = _turned(_centred(images), math.pi * angle)
        waves = along * (0.5 + period) + 2 * math.pi * phase
        height = torch.where(zigzag < 0.5, 12 / math.pi * zigzag, 0)
        away = across - 26 * (place - 0.5) - height * torch.asin(torch.sin(waves))
        line = (0.8 + 0.6 * width - away.abs()).clamp(0, 1)
        line = line * ((dotted < 0.5) | (torch.sin(1.3 * waves) > 0))
        images = torch.where(drawn < 0.7, torch.maximum(images, line), images)
    return images


def negative(images: Tensor, generator: Generator) -> Tensor:
    """With a band or a rectangle in negative."""
    kind, *bounds = _uniform(5, images, generator)
    edge = torch.arange(SIDE, device=images.device) + 0.5
    spans = []
    for start, length in (bounds[:2], bounds[2:]):
        first = 36 * start[:, 0] - 8
        spans.append((edge >= first) & (edge < first + 4 + 26 * length[:, 0]))  # (N, 1, 28)
    rows = spans[0][:, :, :, None] | (kind < 0.4)
    columns = spans[1][:, :, None, :] | (kind > 0.6)
    return torch.where(rows & columns, 1 - images, images)


def light(images: Tensor, generator: Generator) -> Tensor:
    """Paper that is not black: of one grey, or in patches of light and shade."""
    contrast, grey, plain = _uniform(3, images, generator)
    cells = int(torch.randint(2, 9, (), generator=generator, device=images.device))
    paper = torch.where(plain < 0.3, grey, _clouds(images, cells, generator))
    return torch.lerp(paper, images, 0.2 + 0.8 * contrast)


def cut_out(images: Tensor, generator: Generator) -> Tensor:
    """As lines.py cuts it out of a line: with a neighbour's edge at a side, or without its own.

    The neighbour is another image of the batch. The cut is slanted.
    """
    kind, side, depth, into, slant = _uniform(5, images, generator)
    images = torch.where(side < 0.5, images.flip(3), images)  # the right side is cut, here
    x, y = torch.arange(SIDE, device=images.device), _centred(images)[:, None]
    columns = images.amax(2, keepdim=True) > 0.2  # (N, 1, 1, 28)
    last = (columns * x).amax(3, keepdim=True)
    left, right = images.roll(1, 0), last + 1 - torch.floor(3 * into)
    first = columns.roll(1, 0).float().argmax(3, keepdim=True)
    moved = left.gather(3, (x - right + first).long().clamp(0, SIDE - 1).expand_as(left))
    cut = (slant - 0.5) * y + x  # (N, 1, 28, 28)
    joined = torch.maximum(images, moved * ((x >= right) & (cut < right + 1 + 3 * depth)))
    changed = torch.where(kind < 0.6, joined, images * (cut < last - 2 * depth))
    return torch.where(side < 0.5, changed.flip(3), changed)


EFFECTS: dict[Callable[[Tensor, Generator], Tensor], int] = {  # and its part of the whole
    askew: 1,
    coarse: 1,
    blur: 1,
    noise: 1,
    broken: 1,
    doubled: 1,
    crossed: 1,
    negative: 1,
    light: 1,
    cut_out: 3,
}


def _framed(images: Tensor) -> Tensor:
    """Each image shrunk into the box of a digit, which is what a reader does to ink all over."""
    margin = (SIDE - BOX) // 2
    return F.pad(F.interpolate(images, size=(BOX, BOX), mode="area"), (margin,) * 4)


def _dilated(images: Tensor) -> Tensor:
    return F.max_pool2d(images, 3, stride=1, padding=1)


def _clouds(images: Tensor, cells: int, generator: Generator) -> Tensor:
    """A smooth field `(N, 1, 28, 28)` in [0, 1], uneven over so many cells a side."""
    shape = len(images), 1, cells, cells
    field = torch.rand(shape, generator=generator, device=images.device)
    size = images.shape[2:]
    return F.interpolate(field, size=size, mode="bicubic", align_corners=True).clamp(0, 1)


def _centred(images: Tensor) -> Tensor:
    """Where the pixels of a line lie, from its middle `(28,)`."""
    return torch.arange(SIDE, device=images.device) - (SIDE - 1) / 2


def _turned(line: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates `(N, 1, L, L)` along and across a direction, for each angle `(N, 1, 1, 1)`."""
    y, x = torch.meshgrid(line, line, indexing="ij")
    cos, sin = angle.cos(), angle.sin()
    return cos * x + sin * y, cos * y - sin * x


def _uniform(rows: int, images: Tensor, generator: Generator) -> Tensor:
    """Numbers `(rows, N, 1, 1, 1)` in [0, 1)."""
    shape = rows, len(images), 1, 1, 1
    return torch.rand(shape, generator=generator, device=images.device)
