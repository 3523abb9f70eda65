"""Corruptions as unusual writers, bad pens, paper and cameras cause them.

Each effect is a pure function of a batch and a Generator. It takes images `(N, 1, 28, 28)` in
[0, 1], ink = 1 on 0, and gives new images in the same range. Each image draws its own strengths.
The effects are for training. Some resemble the corruptions of MNIST-C, by which
benchmarks/mnist_c.py measures how well a network reads corrupted digits.
"""

import math
from collections.abc import Callable
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from inkling.augmentation.warp import warp
from inkling.ink import SIDE
from inkling.ink.paper import BOX

FRAMED = 0.4  # share of corrupted images that are then shrunk into a digit's box, as a reader does


def corrupt(images: Tensor, share: float, rng: Generator) -> Tensor:
    """The batch as a new tensor, in which a `share` of the images have one effect each."""
    order = torch.randperm(len(images), generator=rng, device=images.device)
    chosen = order[: round(share * len(images))]
    corrupted = images.clone()
    ends = [
        round(len(chosen) * end / sum(EFFECTS.values())) for end in accumulate(EFFECTS.values())
    ]
    for part, effect in zip(chosen.tensor_split(ends[:-1]), EFFECTS, strict=True):
        if len(part):
            changed = effect(images[part], rng)
            few = round(FRAMED * len(part))
            corrupted[part] = torch.cat([_framed(changed[:few]), changed[few:]])
    return corrupted


def askew(images: Tensor, rng: Generator) -> Tensor:
    """Rotated by up to 20 degrees, slanted, stretched and deformed more than most handwriting."""
    return warp(images, 1, 20, 0.3, 0.35, rng, elastic_pixels=0.3)


def coarse(images: Tensor, rng: Generator) -> Tensor:
    """Reduced to 9 to 16 pixels a side, in grey or in black and white."""
    cells = int(torch.randint(9, 17, (), generator=rng, device=images.device))
    small = F.interpolate(images, size=(cells, cells), mode="area")
    small = small / small.amax((2, 3), keepdim=True).clamp(min=0.1)
    threshold, binary, smooth = _uniform(3, images, rng)
    sharp = (small > 0.25 + 0.3 * threshold).float()
    small = torch.where(binary < 0.4, sharp, small)
    size = images.shape[2:]
    tiles = F.interpolate(small, size=size, mode="nearest")
    return torch.where(smooth < 0.7, F.interpolate(small, size=size, mode="bilinear"), tiles)


def blur(images: Tensor, rng: Generator) -> Tensor:
    """Out of focus or moved: blurred by a Gaussian that is longer in a random direction."""
    narrow, long, angle = _uniform(3, images, rng)
    along, across = _turned(torch.arange(-4.0, 5, device=images.device), math.pi * angle)
    kernel = torch.exp(-((along / (0.3 + 2.5 * long)) ** 2 + (across / (0.3 + narrow)) ** 2) / 2)
    kernel = kernel / kernel.sum((2, 3), keepdim=True)  # (N, 1, 9, 9), one kernel an image
    return F.conv2d(images.transpose(0, 1), kernel, padding=4, groups=len(images)).transpose(0, 1)


def noise(images: Tensor, rng: Generator) -> Tensor:
    """Gaussian noise on every pixel, or single pixels black or white."""
    kind, amount = _uniform(2, images, rng)
    device = images.device
    grain = torch.randn(images.shape, generator=rng, device=device) * 0.4 * amount
    drawn = torch.rand(images.shape, generator=rng, device=device)
    single = torch.where(drawn < 0.24 * amount, (drawn < 0.12 * amount).float(), images)
    return torch.where(kind < 0.4, (images + grain).clamp(0, 1), single)


def broken(images: Tensor, rng: Generator) -> Tensor:
    """Strokes with gaps: along a line that crosses the image, or in patches."""
    kind, amount, angle, place = _uniform(4, images, rng)
    _, across = _turned(_centred(images), math.pi * angle)
    gap = (0.9 + 0.6 * amount - (across - 14 * (place - 0.5)).abs()).clamp(0, 1)
    patches = _clouds(images, SIDE // 2, rng) < 0.15 + 0.2 * amount
    return images * torch.where(kind < 0.5, ~patches, 1 - gap)


def doubled(images: Tensor, rng: Generator) -> Tensor:
    """Outlines instead of strokes, as of a split nib; or a second, fainter image on the first."""
    kind, faint = _uniform(2, images, rng)
    wide, thin = _dilated(images), -_dilated(-images)
    inner = images - thin
    inner = inner / inner.amax((2, 3), keepdim=True).clamp(min=0.2)
    down, across = torch.randint(-3, 4, (2,), generator=rng, device=images.device).tolist()
    second = torch.roll(images, (down, across), (2, 3)) * (0.3 + 0.7 * faint)
    both = torch.maximum(images, second)
    return torch.where(kind < 0.33, wide - thin, torch.where(kind < 0.66, inner, both))


def crossed(images: Tensor, rng: Generator) -> Tensor:
    """Crossed by up to two thin lines, straight, zigzag or dotted."""
    for _ in range(2):
        drawn, angle, place, width, zigzag, period, phase, dotted = _uniform(8, images, rng)
        along, across = _turned(_centred(images), math.pi * angle)
        waves = along * (0.5 + period) + 2 * math.pi * phase
        height = torch.where(zigzag < 0.5, 12 / math.pi * zigzag, 0)
        away = across - 26 * (place - 0.5) - height * torch.asin(torch.sin(waves))
        line = (0.8 + 0.6 * width - away.abs()).clamp(0, 1)
        line = line * ((dotted < 0.5) | (torch.sin(1.3 * waves) > 0))
        images = torch.where(drawn < 0.7, torch.maximum(images, line), images)
    return images


def negative(images: Tensor, rng: Generator) -> Tensor:
    """A band or a rectangle of the image in negative."""
    kind, *bounds = _uniform(5, images, rng)
    edge = torch.arange(SIDE, device=images.device) + 0.5
    spans = []
    for start, length in (bounds[:2], bounds[2:]):
        first = 36 * start[:, 0] - 8
        spans.append((edge >= first) & (edge < first + 4 + 26 * length[:, 0]))  # (N, 1, 28)
    rows = spans[0][:, :, :, None] | (kind < 0.4)
    columns = spans[1][:, :, None, :] | (kind > 0.6)
    return torch.where(rows & columns, 1 - images, images)


def light(images: Tensor, rng: Generator) -> Tensor:
    """A background that is not black: one grey, or patches of light and shade."""
    contrast, grey, plain = _uniform(3, images, rng)
    cells = int(torch.randint(2, 9, (), generator=rng, device=images.device))
    paper = torch.where(plain < 0.3, grey, _clouds(images, cells, rng))
    return torch.lerp(paper, images, 0.2 + 0.8 * contrast)


def cut_out(images: Tensor, rng: Generator) -> Tensor:
    """Cut out of a line badly, as by ink/lines.py: with a part of a neighbour, or without its edge.

    The neighbour is another image of the batch. The cut is slanted.
    """
    kind, side, depth, into, slant = _uniform(5, images, rng)
    images = torch.where(side < 0.5, images.flip(3), images)  # now the cut is on the right
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


EFFECTS: dict[Callable[[Tensor, Generator], Tensor], int] = {  # each with its weight in the mix
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
    """Each image shrunk into the box of a digit, as a reader shrinks ink that fills a picture."""
    margin = (SIDE - BOX) // 2
    return F.pad(F.interpolate(images, size=(BOX, BOX), mode="area"), (margin,) * 4)


def _dilated(images: Tensor) -> Tensor:
    return F.max_pool2d(images, 3, stride=1, padding=1)


def _clouds(images: Tensor, cells: int, rng: Generator) -> Tensor:
    """Smooth random fields `(N, 1, 28, 28)` in [0, 1], of so many random values a side."""
    shape = len(images), 1, cells, cells
    field = torch.rand(shape, generator=rng, device=images.device)
    size = images.shape[2:]
    return F.interpolate(field, size=size, mode="bicubic", align_corners=True).clamp(0, 1)


def _centred(images: Tensor) -> Tensor:
    """The positions `(28,)` of a row's pixels, measured from its middle."""
    return torch.arange(SIDE, device=images.device) - (SIDE - 1) / 2


def _turned(line: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates `(N, 1, L, L)` along and across the direction of each angle `(N, 1, 1, 1)`."""
    y, x = torch.meshgrid(line, line, indexing="ij")
    cos, sin = angle.cos(), angle.sin()
    return cos * x + sin * y, cos * y - sin * x


def _uniform(rows: int, images: Tensor, rng: Generator) -> Tensor:
    """Random numbers `(rows, N, 1, 1, 1)`, uniform in [0, 1)."""
    shape = rows, len(images), 1, 1, 1
    return torch.rand(shape, generator=rng, device=images.device)
