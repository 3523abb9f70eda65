"""What is ink and what is paper on a picture: a scan, a canvas, a photograph.

`off_the_border` measures from the grey of the border alone, and leaves the rest as it is;
`off_the_paper` also takes away uneven light, shadows, ruled lines, specks and what comes in from
the edge, and brings strokes to a width that MNIST's have.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkling.errors import InkError, NothingDrawn

COARSE = 48  # pixels of the longer side, in which light and paper are looked at
FITS = 6  # of the light's surface, each to the half that was nearest to the one before
WORKING = 512  # pixels of the longer side that larger pictures are reduced to
LEAST_CONTRAST = 16.0  # of 255; fainter than that is paper, not ink
MOSTLY = 0.6  # of a side: a digit cut out tightly touches less than the rest
LOSSY_FLOOR = 0.1  # of the peak; what JPEG and WebP leave around a stroke is below
LEAST_SEPARATION = 2.3  # of the mean of ink from that of paper, in their deviations; noise: 2.2
BOX = 20  # pixels of the longer side of MNIST's digits
WIDTHS = (1.3, 4.5)  # pixels of a stroke in that box: all but 1 and 2 % of MNIST's
AROUND = np.ones((3, 3), bool)  # a pixel's eight neighbours
MOST_PARTS = 64  # that do not touch; noise has hundreds

Number = TypeVar("Number", bound=np.generic)
Mask = NDArray[np.bool_]
Grey = NDArray[np.float32]


def is_around(grey: Grey) -> bool:
    """Whether every side of a picture `(H, W)` is mostly paper, of one grey for all four."""
    paper = np.median(_border(grey))
    return all(np.mean(np.abs(side - paper) < LEAST_CONTRAST) >= MOSTLY for side in _sides(grey))


def off_the_border(grey: Grey, lossy: bool) -> Grey:
    """The ink `(H, W)` >= 0 of a picture: how far each pixel is from the paper at its border.

    `grey` is brightness in [0, 255]. What lies within the border's own noise (three median
    deviations, at most half of what stands out most) is paper, and so is what a `lossy` format
    smears around a stroke. Raises NothingDrawn.
    """
    border = _border(grey)
    paper = np.median(border)
    contrast = grey - paper
    if contrast.max() < -contrast.min():
        contrast = -contrast
    peak = contrast.max()
    noise = min(3 * float(np.median(np.abs(border - paper))), peak / 2)
    floor = max(noise, LOSSY_FLOOR * peak if lossy else 0)
    if peak < LEAST_CONTRAST or peak <= floor:
        raise _nothing()
    return np.where(contrast > floor, contrast, np.float32(0))


def off_the_paper(grey: Grey, lossy: bool, line: bool = False) -> tuple[Grey, int]:
    """The ink `(h, w)` >= 0 of a picture `(H, W)` that is large enough to see its paper.

    Beside it, how many pixels a side it is padded by. Arguments as above; a `line` holds several
    digits, which may reach the edge. A picture larger than WORKING is reduced first, by
    `reduction`. Raises NothingDrawn, InkError.
    """
    grey = _reduced(grey)
    sides = [np.median(side) for side in _sides(grey)]
    even = np.ptp(sides) < LEAST_CONTRAST  # light from one side is as smooth as a canvas
    plain = even and not np.median(np.abs(np.diff(grey.ravel())))  # as no photograph is
    contrast = off_the_border(grey, lossy) if plain else _contrast(grey)
    threshold = _threshold(contrast)
    faint = contrast > threshold / 2
    lines = _ruled(faint) | _ruled(faint.T).T
    mask = (contrast > threshold) & ~lines
    _refuse_noise(contrast[mask], contrast[~faint])
    mask = _without_specks(mask, line)
    # A pixel beyond what stands out is ink as well; on plain paper, all that hangs together
    reach = 0 if plain and not lines.any() else 1
    around = ndimage.binary_dilation(mask, AROUND, reach, contrast > 0)
    peak = contrast.max() if plain else np.quantile(contrast[mask], 0.95)
    return _stroked(mask, np.minimum(contrast, peak) * around, line)


def _nothing() -> NothingDrawn:
    return NothingDrawn(
        "Expected ink on a plain background, but there is nothing drawn",
        "Draw a digit, or give a picture with more contrast",
    )


def _border(grey: NDArray[Number]) -> NDArray[Number]:
    return np.concatenate(_sides(grey))


def _sides(grey: NDArray[Number]) -> list[NDArray[Number]]:
    return [grey[0], grey[-1], grey[:, 0], grey[:, -1]]


def reduction(shape: tuple[int, ...]) -> float:
    """Pixels of the ink for each of a picture `(H, W)`: one over a whole number."""
    times = math.ceil(max(shape) / WORKING)
    if min(shape) < times:
        raise InkError(
            f"Expected a picture of digits, got a strip of {shape[1]:,} x {shape[0]:,} pixels",
            "Crop it to what is to be read",
        )
    return 1 / times


def _reduced(grey: Grey) -> Grey:
    """The picture reduced by a whole number, each pixel the mean of those it stands for."""
    times = round(1 / reduction(grey.shape))
    if times == 1:
        return grey
    height, width = (length // times for length in grey.shape)
    part = grey[: height * times, : width * times]
    return np.asarray(part.reshape(height, times, width, times).mean((1, 3)), np.float32)


def _contrast(grey: Grey) -> Grey:
    """How far each pixel is from the paper around it, >= 0, on a scale of 0 to 255.

    Paper is what the median of a window of half the picture is; next to a shadow's edge, that
    side of it which is nearer to the pixel's own grey. The light on dark ink divides out.
    """
    height, width = grey.shape
    cell = max(height, width) / COARSE
    size = math.ceil(width / cell), math.ceil(height / cell)
    coarse = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    slope = _slope(coarse)
    paper = slope + ndimage.median_filter(coarse - slope, COARSE // 2 + 1, mode="nearest")
    darkest, lightest = (
        np.asarray(
            Image.fromarray(reach(paper, 5, mode="nearest")).resize(
                (width, height), Image.Resampling.BILINEAR
            )
        )
        for reach in (ndimage.minimum_filter, ndimage.maximum_filter)
    )
    dark, light = np.maximum(darkest - grey, 0), np.maximum(grey - lightest, 0)
    if (light**2).sum() > (dark**2).sum():
        return np.asarray(light, np.float32)
    return np.asarray(dark * np.median(darkest) / np.maximum(darkest, 1), np.float32)


def _slope(grey: Grey) -> Grey:
    """The light that falls on a picture: a quadratic surface, fitted to the half nearest to it."""
    y, x = (axis.ravel() / COARSE for axis in np.indices(grey.shape))
    terms, values = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1), grey.ravel()
    surface = np.full(len(values), np.median(values))
    for _ in range(FITS):
        away = np.abs(values - surface)
        near = away <= np.median(away)
        surface = terms @ np.linalg.lstsq(terms[near], values[near], rcond=None)[0]
    return np.asarray(surface.reshape(grey.shape), np.float32)


def _threshold(contrast: Grey) -> float:
    """What parts ink from paper best: the largest variance between the two. Source: Otsu 1979."""
    counts = np.bincount(contrast.ravel().astype(np.intp), minlength=256)
    below, middles = counts.cumsum(), np.arange(len(counts)) + 0.5
    sums, above = (counts * middles).cumsum(), len(contrast.ravel()) - below
    with np.errstate(divide="ignore", invalid="ignore"):
        means = sums / below, (sums[-1] - sums) / above
        between = below * above * (means[1] - means[0]) ** 2
    return float(np.nan_to_num(between).argmax() + 1)


def _refuse_noise(ink: Grey, paper: Grey) -> None:
    """Raise NothingDrawn unless what seems to be ink stands out from what seems to be paper."""
    if not len(ink) or not len(paper) or ink.mean() < LEAST_CONTRAST:
        raise _nothing()
    if ink.mean() - paper.mean() < LEAST_SEPARATION * (ink.std() + paper.std()):
        raise _nothing()


def _ruled(mask: Mask) -> Mask:
    """The lines of ruled paper: thin, level, and from one side of the picture far into it.

    What a stroke covers of a line is not thin, and stays.
    """
    height, width = mask.shape
    if not mask[:, 0].any() and not mask[:, -1].any():
        return np.zeros_like(mask)
    thin = mask & ~_opened(mask, max(8, height // 32), 0)
    thin = _opened(thin, max(4, width // 40), 1)
    near = ndimage.maximum_filter(thin, (3, width // 6), mode="constant")
    labels, _ = ndimage.label(near)
    lines = np.zeros_like(mask)
    for index, found in enumerate(ndimage.find_objects(labels), 1):
        line, columns = thin[found] & (labels[found] == index), found[1]
        from_the_side = columns.start == 0 or columns.stop == width
        if from_the_side and line.any(0).sum() > width / 3:
            lines[found] |= line
    return mask & ndimage.binary_dilation(lines, AROUND)


def _opened(mask: Mask, length: int, axis: int) -> Mask:
    """What of the mask lies in runs of at least `length` pixels along an axis."""
    length |= 1  # an odd one, which has a middle
    eroded = ndimage.minimum_filter1d(mask, length, axis, mode="constant")
    return np.asarray(ndimage.maximum_filter1d(eroded, length, axis, mode="constant"))


def _without_specks(mask: Mask, line: bool) -> Mask:
    """The ink without what is smaller than a dot of its pen, or comes in from the edge.

    A line may be cut out so tightly that its digits reach the edge.
    """
    labels, count = ndimage.label(mask, AROUND)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = sizes > 0.5 * _width(labels == sizes.argmax()) ** 2
    edge = np.unique(_border(labels))
    inner = np.setdiff1d(np.flatnonzero(keep), edge)
    if not line and len(inner) and sizes[inner].max() > 0.1 * sizes.max():
        keep[edge] = False
    keep[0] = False
    if not 0 < keep.sum() <= MOST_PARTS:
        raise _nothing()
    return np.asarray(keep[labels])


def _width(mask: Mask) -> float:
    """The width of the strokes: four times the mean distance of ink from paper."""
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    inside = ndimage.distance_transform_edt(np.pad(mask[box], 1))
    return float(4 * (inside[inside > 0].mean() - 0.5))


def _stroked(mask: Mask, soft: Grey, line: bool) -> tuple[Grey, int]:
    """The ink with strokes of a width that MNIST's digits have, for the size they have here.

    Beside it, how many pixels a side it is padded by.
    """
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    side = len(mask[box]) if line else max(mask[box].shape)
    width = max(_width(mask), 0.5)
    share = np.clip(width * BOX / side, *WIDTHS) / BOX
    grow = (share * side - width) / (2 * (1 - share))  # (width + 2 grow) / (side + 2 grow) = share
    if abs(grow) < 0.25:
        return soft, 0
    padding = math.ceil(max(grow, 0)) + 1
    mask = np.pad(mask, padding)
    inside, outside = (ndimage.distance_transform_edt(part) for part in (mask, ~mask))
    grow = max(grow, -inside.max() / 2)  # a blot is no stroke, and stays
    depth = inside - outside  # above 0 in ink; pixel centres lie half a pixel from the edge
    inked = 255 * np.clip(depth + grow + np.where(mask, 0, 1), 0, 1)
    return np.asarray(inked, np.float32), padding
