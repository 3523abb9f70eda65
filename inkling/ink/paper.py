"""Separates ink from paper in a picture: a scan, a canvas or a photograph.

`off_the_border` takes the grey of the border for paper, and changes nothing else.
`off_the_paper` also removes uneven light, shadows, ruled lines, specks and what enters from the
edge, and gives strokes a width that occurs in MNIST.
"""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkling.errors import InkError, NothingDrawn

COARSE = 48  # pixels of the longer side, to which a picture is reduced to estimate its light
FITS = 6  # of a surface to the light, each to the half of the pixels nearest to the last fit
WORKING = 512  # pixels of the longer side, at most; larger pictures are reduced
MIN_CONTRAST = 16.0  # grey levels of 255, of ink
MIN_PAPER_SHARE = 0.6  # of each side of the border; a digit cut out tightly leaves less free
LOSSY_FLOOR = 0.1  # of the peak; artefacts of JPEG and WebP around a stroke are fainter
MIN_SEPARATION = 2.3  # of the means of ink and paper, in standard deviations; noise has 2.2
BOX = 20  # pixels of the longer side of MNIST's digits
WIDTHS = (1.3, 4.5)  # pixels of a stroke in that box; 1 % of MNIST's are thinner, 2 % wider
AROUND = np.ones((3, 3), bool)  # a pixel's eight neighbours
MAX_PARTS = 64  # connected components of the ink; noise has hundreds

Number = TypeVar("Number", bound=np.generic)
Mask = NDArray[np.bool_]
Grey = NDArray[np.float32]


def is_around(grey: Grey) -> bool:
    """Whether all four sides of a picture `(H, W)` are mostly paper of the same grey."""
    paper = np.median(_border(grey))
    return all(
        np.mean(np.abs(side - paper) < MIN_CONTRAST) >= MIN_PAPER_SHARE for side in _sides(grey)
    )


def off_the_border(grey: Grey, lossy: bool) -> Grey:
    """The ink `(H, W)` >= 0 of a picture: how much each pixel differs from the paper at its border.

    `grey` is brightness in [0, 255]. Differences within the noise of the border are paper: three
    median deviations, at most half of the largest difference. So are the artefacts that a
    `lossy` format leaves around a stroke. Raises NothingDrawn.
    """
    border = _border(grey)
    paper = np.median(border)
    contrast = grey - paper
    if contrast.max() < -contrast.min():
        contrast = -contrast
    peak = contrast.max()
    noise = min(3 * float(np.median(np.abs(border - paper))), peak / 2)
    floor = max(noise, LOSSY_FLOOR * peak if lossy else 0)
    if peak < MIN_CONTRAST or peak <= floor:
        raise _nothing()
    return np.where(contrast > floor, contrast, np.float32(0))


def off_the_paper(grey: Grey, lossy: bool, line: bool = False) -> tuple[Grey, int]:
    """The ink `(h, w)` >= 0 of a picture `(H, W)`, and by how many pixels a side it is padded.

    Arguments as in `off_the_border`. The digits of a `line` may reach the edge. A picture larger
    than WORKING is reduced first, by `reduction`. Raises NothingDrawn, InkError.
    """
    grey = _reduced(grey)
    sides = [np.median(side) for side in _sides(grey)]
    even = np.ptp(sides) < MIN_CONTRAST  # not so with light from one side, however smooth
    plain = even and not np.median(np.abs(np.diff(grey.ravel())))  # a photograph has noise
    contrast = off_the_border(grey, lossy) if plain else _contrast(grey)
    threshold = _threshold(contrast)
    faint = contrast > threshold / 2
    lines = _ruled(faint) | _ruled(faint.T).T
    mask = (contrast > threshold) & ~lines
    _reject_noise(contrast[mask], contrast[~faint])
    mask = _without_specks(mask, line)
    # Ink reaches one pixel beyond the mask; on plain paper, as far as it is connected
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
    """Pixels of the ink for each pixel of a picture `(H, W)`: 1, 1/2, 1/3 and so on.

    Raises InkError if the picture is too narrow to be reduced.
    """
    times = math.ceil(max(shape) / WORKING)
    if min(shape) < times:
        raise InkError(
            f"Expected a picture of digits, got a strip of {shape[1]:,} x {shape[0]:,} pixels",
            "Crop it to what is to be read",
        )
    return 1 / times


def _reduced(grey: Grey) -> Grey:
    """The picture reduced by `reduction`: each pixel is the mean of a square of pixels."""
    times = round(1 / reduction(grey.shape))
    if times == 1:
        return grey
    height, width = (length // times for length in grey.shape)
    part = grey[: height * times, : width * times]
    return np.asarray(part.reshape(height, times, width, times).mean((1, 3)), np.float32)


def _contrast(grey: Grey) -> Grey:
    """How much each pixel differs from the paper around it: `(H, W)` in [0, 255].

    The grey of the paper is the median of a window of half the picture. At the edge of a shadow,
    it is that of the side which is nearer to the pixel's own grey. The contrast of dark ink is
    divided by the light that falls on it.
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
    """The light on a picture `(h, w)`: a quadratic surface, fitted to the half nearest to it."""
    y, x = (axis.ravel() / COARSE for axis in np.indices(grey.shape))
    terms, values = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1), grey.ravel()
    surface = np.full(len(values), np.median(values))
    for _ in range(FITS):
        away = np.abs(values - surface)
        near = away <= np.median(away)
        surface = terms @ np.linalg.lstsq(terms[near], values[near], rcond=None)[0]
    return np.asarray(surface.reshape(grey.shape), np.float32)


def _threshold(contrast: Grey) -> float:
    """The threshold that separates ink from paper: the largest variance between the two.

    Source: Otsu 1979.
    """
    counts = np.bincount(contrast.ravel().astype(np.intp), minlength=256)
    below, middles = counts.cumsum(), np.arange(len(counts)) + 0.5
    sums, above = (counts * middles).cumsum(), len(contrast.ravel()) - below
    with np.errstate(divide="ignore", invalid="ignore"):
        means = sums / below, (sums[-1] - sums) / above
        between = below * above * (means[1] - means[0]) ** 2
    return float(np.nan_to_num(between).argmax() + 1)


def _reject_noise(ink: Grey, paper: Grey) -> None:
    """Raise NothingDrawn unless the contrasts of the ink stand out from those of the paper."""
    if not len(ink) or not len(paper) or ink.mean() < MIN_CONTRAST:
        raise _nothing()
    if ink.mean() - paper.mean() < MIN_SEPARATION * (ink.std() + paper.std()):
        raise _nothing()


def _ruled(mask: Mask) -> Mask:
    """The lines of ruled paper: thin, level and long, from one side of the picture inwards.

    Where a stroke crosses a line, the line is not thin there, and the stroke stays.
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
    """The parts of the mask that lie in runs of at least `length` pixels along an axis."""
    length |= 1  # odd, so that the filter has a middle
    eroded = ndimage.minimum_filter1d(mask, length, axis, mode="constant")
    return np.asarray(ndimage.maximum_filter1d(eroded, length, axis, mode="constant"))


def _without_specks(mask: Mask, line: bool) -> Mask:
    """The ink without specks, which are smaller than a dot of its pen. Raises NothingDrawn.

    What enters from the edge is removed as well if enough other ink is left. A `line` keeps it,
    as it may be cut out tightly.
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
    if not 0 < keep.sum() <= MAX_PARTS:
        raise _nothing()
    return np.asarray(keep[labels])


def _width(mask: Mask) -> float:
    """The width of the strokes in pixels: four times the mean distance of ink from paper."""
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    inside = ndimage.distance_transform_edt(np.pad(mask[box], 1))
    return float(4 * (inside[inside > 0].mean() - 0.5))


def _stroked(mask: Mask, soft: Grey, line: bool) -> tuple[Grey, int]:
    """The ink with strokes made as wide, for its size, as those of MNIST; and its padding.

    The padding is in pixels a side.
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
    grow = max(grow, -inside.max() / 2)  # thins a blot by no more than half
    depth = inside - outside  # > 0 in ink, in pixels; a pixel at the edge has 1 or -1
    inked = 255 * np.clip(depth + grow + np.where(mask, 0, 1), 0, 1)
    return np.asarray(inked, np.float32), padding
