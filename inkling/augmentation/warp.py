"""Batched augmentation: pure functions of a batch `(N, 1, H, W)` and a Generator.

Each image draws its own parameters. One pass over the batch shifts, rotates, slants, scales and
deforms it. A second pass makes strokes wider or thinner. Pattern: airbench, CifarLoader.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from inkling.experiments.recipe import Augmentation

ELASTIC_CELLS = 5  # a side, of the grid of random shifts that an elastic deformation interpolates


def augment(
    images: Tensor, settings: Augmentation, rng: Generator, flipped: Tensor | None = None
) -> Tensor:
    """The batch `(N, 1, H, W)` in [0, 1], augmented as the settings say, as a new tensor.

    `flipped` `(N,)` says which images are mirrored. Without it, they are drawn at random.
    """
    moves = (
        settings.max_shift_pixels,
        settings.max_rotation_degrees,
        settings.max_scale,
        settings.max_shear,
    )
    if any(moves) or settings.elastic_pixels:
        images = warp(images, *moves, rng, settings.elastic_pixels)
    if settings.flip and flipped is None:
        flipped = torch.rand(len(images), generator=rng, device=images.device) < settings.flip
    if flipped is not None:
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
    if settings.max_stroke:
        images = vary_stroke(images, settings.max_stroke, rng)
    if settings.max_erase_pixels:
        images = erase(images, settings.max_erase_pixels, rng)
    return images


def warp(
    images: Tensor,  # (N, 1, H, W)
    max_shift_pixels: float,
    max_rotation_degrees: float,
    max_scale: float,
    max_shear: float,
    rng: Generator,
    elastic_pixels: float = 0.0,
) -> Tensor:
    """Each image shifted, rotated, scaled and slanted about its centre, and deformed, at random.

    An affine map gives the source of each pixel; outside the image the source is 0. An elastic
    deformation adds a displacement that changes smoothly from pixel to pixel.
    Source: Simard, Steinkraus & Platt 2003.
    """
    height, width = images.shape[2:]
    angle, shear, across, down, right, below = _uniform(6, images, rng)  # each (N,)
    angle = angle * math.radians(max_rotation_degrees)
    cos, sin = angle.cos(), angle.sin()
    x_scale, y_scale, shear = 1 + across * max_scale, 1 + down * max_scale, shear * max_shear
    y, x = torch.meshgrid(
        (torch.arange(height, device=images.device) + 0.5) * (2 / height) - 1,
        (torch.arange(width, device=images.device) + 0.5) * (2 / width) - 1,
        indexing="ij",
    )  # pixel centres (H, W), in grid_sample's own unit: -1 and 1 are the outer edges

    def blend(*weights: Tensor) -> Tensor:
        a, b, c = (weight[:, None, None] for weight in weights)
        return torch.addcmul(torch.addcmul(c, a, x), b, y)  # (N, H, W)

    source_x = blend(cos * x_scale, shear - sin * y_scale, right * (2 * max_shift_pixels / width))
    source_y = blend(sin * x_scale, cos * y_scale, below * (2 * max_shift_pixels / height))
    grid = torch.stack([source_x, source_y], -1)  # (N, H, W, 2)
    if elastic_pixels:
        shape = len(images), 2, ELASTIC_CELLS, ELASTIC_CELLS
        shift = torch.randn(shape, generator=rng, device=images.device)
        shift = F.interpolate(shift, size=(height, width), mode="bicubic", align_corners=True)
        unit = grid.new_tensor([2 / width, 2 / height])
        grid = grid + shift.permute(0, 2, 3, 1) * (elastic_pixels * unit)
    return F.grid_sample(images, grid, align_corners=False)


def vary_stroke(images: Tensor, max_stroke: float, rng: Generator) -> Tensor:
    """Strokes made wider or thinner: each image is blended with its dilation or its erosion.

    The share of the blend is drawn at random, up to `max_stroke`. A dilation is the largest of
    the 3x3 neighbours of a pixel, an erosion the smallest.
    """
    (amount,) = _uniform(1, images, rng)
    amount = (amount * max_stroke)[:, None, None, None]
    sign = torch.where(amount < 0, -1.0, 1.0)  # an erosion is the dilation of the negative
    signed = images * sign
    wide = F.pad(signed, (1, 1, 1, 1), mode="replicate")
    rows = torch.maximum(torch.maximum(wide[..., :-2, :], wide[..., 1:-1, :]), wide[..., 2:, :])
    whole = torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
    return torch.lerp(images, whole * sign, amount.abs())


def erase(images: Tensor, max_erase_pixels: float, rng: Generator) -> Tensor:
    """A random rectangle of each image, up to `max_erase_pixels` a side, replaced by noise.

    Source: Zhong et al. 2017, random erasing.
    """
    height, width, top, left = (_uniform(4, images, rng) + 1) / 2  # each (N,), in [0, 1)

    def within(length: int, share: Tensor, corner: Tensor) -> Tensor:  # (N, length)
        side = (share * max_erase_pixels)[:, None]
        first = corner[:, None] * (length - side)
        at = torch.arange(length, device=images.device) + 0.5
        return (at >= first) & (at < first + side)

    rows, columns = within(images.shape[2], height, top), within(images.shape[3], width, left)
    noise = torch.rand(images.shape, generator=rng, device=images.device)
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], noise, images)


def _uniform(rows: int, images: Tensor, rng: Generator) -> Tensor:
    """Random numbers `(rows, N)`, uniform in [-1, 1)."""
    return torch.rand(rows, len(images), generator=rng, device=images.device) * 2 - 1
