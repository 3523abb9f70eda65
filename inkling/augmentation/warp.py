"""Batched augmentation: pure functions of a batch `(N, 1, H, W)` and a Generator.

Every image gets numbers of its own; one pass over the batch moves, turns, slants, scales and
bends it, a second makes the stroke wider or thinner. Pattern: airbench, CifarLoader.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from inkling.experiments.recipes import Recipe

BEND_CELLS = 5  # a side: between these points of an image, a bend is smooth


def augment(
    images: Tensor, recipe: Recipe, generator: Generator, flipped: Tensor | None = None
) -> Tensor:
    """The batch `(N, 1, H, W)` in [0, 1], varied as the recipe says; a new tensor.

    `flipped` `(N,)` says which are mirrored, where that is not left to chance.
    """
    moves = recipe.max_shift_pixels, recipe.max_rotation_degrees, recipe.max_scale, recipe.max_shear
    if any(moves) or recipe.bend_pixels:
        images = warp(images, *moves, generator, recipe.bend_pixels)
    if recipe.flip and flipped is None:
        flipped = torch.rand(len(images), generator=generator, device=images.device) < recipe.flip
    if flipped is not None:
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
    if recipe.max_stroke:
        images = vary_stroke(images, recipe.max_stroke, generator)
    if recipe.max_erase_pixels:
        images = erase(images, recipe.max_erase_pixels, generator)
    return images


def warp(
    images: Tensor,  # (N, 1, H, W)
    max_shift_pixels: float,
    max_rotation_degrees: float,
    max_scale: float,
    max_shear: float,
    generator: Generator,
    bend_pixels: float = 0.0,
) -> Tensor:
    """Each image shifted, rotated, scaled and slanted about its centre, and bent, all by chance.

    The affine map says where each pixel is taken from; what comes from outside is 0. A bend
    displaces that place further, smoothly from pixel to pixel.
    """
    height, width = images.shape[2:]
    angle, shear, across, down, right, below = _uniform(6, images, generator)  # each (N,)
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
    if bend_pixels:
        shape = len(images), 2, BEND_CELLS, BEND_CELLS
        bend = torch.randn(shape, generator=generator, device=images.device)
        bend = F.interpolate(bend, size=(height, width), mode="bicubic", align_corners=True)
        unit = grid.new_tensor([2 / width, 2 / height])
        grid = grid + bend.permute(0, 2, 3, 1) * (bend_pixels * unit)
    return F.grid_sample(images, grid, align_corners=False)


def vary_stroke(images: Tensor, max_stroke: float, generator: Generator) -> Tensor:
    """Each stroke made wider or thinner: moved up to `max_stroke` of the way to the image
    dilated, or eroded, by one pixel a side (the largest, or smallest, of 3x3 neighbours).
    """
    (amount,) = _uniform(1, images, generator)
    amount = (amount * max_stroke)[:, None, None, None]
    sign = torch.where(amount < 0, -1.0, 1.0)  # eroding is dilating the negative
    signed = images * sign
    wide = F.pad(signed, (1, 1, 1, 1), mode="replicate")
    rows = torch.maximum(torch.maximum(wide[..., :-2, :], wide[..., 1:-1, :]), wide[..., 2:, :])
    whole = torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
    return torch.lerp(images, whole * sign, amount.abs())


def erase(images: Tensor, max_erase_pixels: float, generator: Generator) -> Tensor:
    """A rectangle of each image, up to `max_erase_pixels` a side, replaced by noise.

    Source: Zhong et al. 2017, random erasing.
    """
    height, width, top, left = (_uniform(4, images, generator) + 1) / 2  # each (N,), in [0, 1)

    def within(length: int, share: Tensor, corner: Tensor) -> Tensor:  # (N, length)
        side = (share * max_erase_pixels)[:, None]
        first = corner[:, None] * (length - side)
        at = torch.arange(length, device=images.device) + 0.5
        return (at >= first) & (at < first + side)

    rows, columns = within(images.shape[2], height, top), within(images.shape[3], width, left)
    noise = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(rows[:, None, :, None] & columns[:, None, None, :], noise, images)


def _uniform(rows: int, images: Tensor, generator: Generator) -> Tensor:
    """Numbers `(rows, N)` in [-1, 1)."""
    return torch.rand(rows, len(images), generator=generator, device=images.device) * 2 - 1
