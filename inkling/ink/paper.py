"""Separates ink from paper in a picture: a scan, a canvas or a photograph.

`off_the_border` takes the grey of the border for paper, and changes nothing else.
`off_the_paper` also removes uneven light, shadows, ruled lines, specks and what enters from the
edge, and gives strokes a width that occurs in MNIST.
"""

import contextlib
import math
from typing import TypeVar

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from inkling.errors import InkError, NothingDrawn
from inkling.ink import colour, desk, parts, printed
from inkling.ink.decode import Pixels
from inkling.ink.parts import AROUND, width

COARSE = 48  # pixels of the longer side, to which a picture is reduced to estimate its light
FITS = 6  # of a surface to the light, each to the half of the pixels nearest to the last fit
WORKING = 512  # pixels of the longer side, at most; larger pictures are reduced
STRIP = 32  # rows of a reduced picture
FINE, WIDE = 15, 101  # pixels; in a reduced picture, small digits have strokes narrower than FINE
ALIKE = 0.8  # of the stronger contrast, from which on the one that covers more decides
FEW = 8  # pixels; those of the least ink that is looked for
CLOSER = 4 / 3  # times as fine, at least, has a part of a picture to be to be read for itself
SHADOW = 0.6  # of the contrast of ink, at most; what is darker is ink, however wide
MIN_CONTRAST = 16.0  # grey levels of 255, of ink
MIN_PAPER_SHARE = 0.6  # of each side of the border; a digit cut out tightly leaves less free
LOSSY_FLOOR = 0.1  # of the peak; artefacts of JPEG and WebP around a stroke are fainter
MIN_SEPARATION = 2.3  # of the means of ink and paper, in standard deviations; noise has 2.2
BOX = 20  # pixels of the longer side of MNIST's digits
WIDTHS = (1.3, 4.5)  # pixels of a stroke in that box; 1 % of MNIST's are thinner, 2 % wider
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
        raise nothing()
    return np.where(contrast > floor, contrast, np.float32(0))


def off_the_paper(pixels: Pixels, lossy: bool) -> tuple[Grey, float, tuple[float, float]]:
    """The ink `(h, w)` >= 0 of a picture `(H, W)` or `(H, W, 3)`, and where it lies.

    That is: pixels of the ink for each pixel of the picture, and x and y of the ink's upper left
    corner there. Pixels are in [0, 255]; `lossy` as in `off_the_border`. Raises
    NothingDrawn, InkError.
    """
    small = reduced(pixels, _times(pixels))
    corners = desk.sheet(small)
    if corners is not None:
        corners = corners * _times(pixels)
        flat = desk.straightened(pixels, corners)
        with contextlib.suppress(NothingDrawn):  # if it is empty, it is no sheet
            ink, scale, (x, y) = _off_the_paper(flat, reduced(flat, _times(flat)), lossy)
            left, top = corners.mean(0) - np.array(flat.shape[1::-1]) / 2
            return ink, scale, (x + float(left), y + float(top))
    return _off_the_paper(pixels, small, lossy)


def _off_the_paper(
    pixels: Pixels, small: Grey, lossy: bool
) -> tuple[Grey, float, tuple[float, float]]:
    """What `off_the_paper` gives, of a picture that paper fills, and of which `small` is reduced.

    Where little of a large picture is ink, the part around it is read at a finer scale.
    """
    grey, times = colour.brightness(small), _times(pixels)
    if times > 1:
        with contextlib.suppress(NothingDrawn):
            closer = around_ink(grey, times, pixels.shape)
            if times >= CLOSER * _times(pixels[closer]):
                ink, scale, (x, y) = off_the_paper(pixels[closer], lossy)
                return ink, scale, (x + closer[1].start, y + closer[0].start)
    ink, padding = _stroked(*_ink(grey, lossy))
    return ink, 1 / times, (-padding * times, -padding * times)


def around_ink(
    grey: Grey, times: int, shape: tuple[int, ...], alone: bool = True
) -> tuple[slice, slice]:
    """The part of a picture around its ink, with half the ink's size as paper on each side.

    `grey` is the picture of this `shape`, reduced `times`. What is `alone` is one digit, and other
    ink beside it does not count. Raises NothingDrawn unless little of the picture is ink.
    """
    mask = _little(grey, alone)
    (box,) = scipy.ndimage.find_objects(mask.astype(np.uint8))
    room = max(side.stop - side.start for side in box) // 2 + 4
    down, across = (
        slice(max(side.start - room, 0) * times, min((side.stop + room) * times, length))
        for side, length in zip(box, shape, strict=False)
    )
    return down, across


def _little(grey: Grey, alone: bool) -> Mask:
    """The ink of a picture `(H, W)` in which little is ink: of thin strokes, far from each other.

    Light and shadows are wider than such strokes. Raises NothingDrawn, also where the strokes
    that differ most from the paper are wide.
    """
    thin, wide = (_narrower(grey, size) for size in (FINE, WIDE))
    limit = _peak(thin) / 2
    if 2 * limit < max(MIN_CONTRAST, _peak(wide) / 2):
        raise nothing()
    strokes, _ = _written(thin, limit, alone)
    whole = scipy.ndimage.binary_propagation(strokes, AROUND, strokes | (wide > limit))
    if width(whole) > FINE / 2:  # where all strokes are wide, some of their ends are thin
        raise nothing()
    return np.asarray(whole)


def _narrower(grey: Grey, size: int) -> Grey:
    """How much each pixel differs from the paper, for strokes narrower than `size` pixels."""
    dark = scipy.ndimage.grey_closing(grey, (size, size), mode="nearest") - grey
    light = grey - scipy.ndimage.grey_opening(grey, (size, size), mode="nearest")
    peaks = _peak(light), _peak(dark)
    if min(peaks) > ALIKE * max(peaks):  # where strokes meet, the paper between them is narrow, too
        peaks = float((light**2).sum()), float((dark**2).sum())
    return light if peaks[0] > peaks[1] else dark


def _peak(contrast: Grey) -> float:
    """The contrast that only a few pixels exceed, as specks do."""
    return float(np.partition(contrast.ravel(), -FEW)[-FEW])


def is_plain(grey: Grey) -> bool:
    """Whether a picture `(H, W)` has paper of one grey, without the noise of a photograph."""
    sides = [np.median(side) for side in _sides(grey)]
    even = np.ptp(sides) < MIN_CONTRAST  # not so with light from one side, however smooth
    return bool(even and not np.median(np.abs(np.diff(grey.ravel()))))


def _ink(grey: Grey, lossy: bool) -> tuple[Mask, Grey]:
    """Which pixels of a picture `(H, W)` are ink, and how much ink they and those around hold."""
    plain = is_plain(grey)
    seen = off_the_border(grey, lossy) if plain else evened(grey)
    mask, unlined = _written(seen, None)
    # Ink reaches one pixel beyond the mask; on plain paper, as far as it is connected
    reach = 0 if plain and unlined else 1
    around = scipy.ndimage.binary_dilation(mask, AROUND, reach, seen > 0)
    peak = seen[mask].max() if plain else np.quantile(seen[mask], 0.95)
    return mask, np.minimum(seen, peak) * around


def _written(seen: Grey, threshold: float | None, alone: bool = True) -> tuple[Mask, bool]:
    """The ink of a picture by its contrast `(H, W)`, and whether nothing is printed beside it.

    The `threshold` is Otsu's if it is not given. Raises NothingDrawn.
    """
    contrast = printed.without_boxes(seen, threshold or otsu(seen))
    contrast = printed.without_lines(contrast, threshold or otsu(contrast))
    limit = threshold or otsu(contrast)
    mask = contrast > limit
    if threshold is None:
        _reject_noise(contrast[mask], contrast[contrast <= limit / 2])
    mask = _without_specks(mask)
    return parts.of_digit(mask) if alone else mask, contrast is seen


def nothing() -> NothingDrawn:
    """The error of a picture without ink."""
    return NothingDrawn(
        "Expected ink on a plain background, but there is nothing drawn",
        "Draw a digit, or give a picture with more contrast",
    )


def _border(grey: NDArray[Number]) -> NDArray[Number]:
    return np.concatenate(_sides(grey))


def _sides(grey: NDArray[Number]) -> list[NDArray[Number]]:
    return [grey[0], grey[-1], grey[:, 0], grey[:, -1]]


def _times(pixels: Pixels) -> int:
    """How many pixels of a picture, along each side, become one."""
    return math.ceil(max(len(pixels), len(pixels[0])) / WORKING)


def reduced(pixels: Pixels, times: int) -> Grey:
    """The picture reduced: each pixel is the mean of a square of `times` x `times` pixels.

    Raises InkError if the picture is too narrow.
    """
    if times == 1:
        return np.asarray(pixels, np.float32)
    if min(pixels.shape[:2]) < times:
        raise InkError(
            "Expected a picture of digits, got a strip of "
            f"{pixels.shape[1]:,} x {pixels.shape[0]:,} pixels",
            "Crop it to what is to be read",
        )
    high, wide = (length // times for length in pixels.shape[:2])
    cells = np.empty((high, wide, *pixels.shape[2:]), np.float32)
    for top in range(0, high, STRIP):  # the sums of all rows would take more than the picture
        part = pixels[top * times : min(top + STRIP, high) * times, : wide * times]
        rows = part.reshape(-1, times, *part.shape[1:]).sum(1, dtype=np.float32)
        cells[top : top + STRIP] = rows.reshape(-1, wide, times, *part.shape[2:]).sum(2)
    cells /= np.float32(times * times)
    return cells


def evened(grey: Grey, cells: int = COARSE) -> Grey:
    """How much each pixel differs from the paper around it: `(H, W)` in [0, 255].

    The light is estimated on a picture whose longer side is `cells` pixels. The grey of the paper
    is the median of a window of half of it. At the edge of a shadow, it is that of the side which
    is nearer to the pixel's own grey. Where the median is as dark as ink, as in wide strokes and
    along the edge, the slope of the light alone gives the paper. The contrast of dark ink is
    divided by the light that falls on it.
    """
    high, wide = grey.shape
    cell = max(high, wide) / cells
    size = math.ceil(wide / cell), math.ceil(high / cell)
    coarse = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
    slope = _slope(coarse)
    medians = scipy.ndimage.median_filter(coarse - slope, cells // 2 + 1, mode="nearest")
    darkest, lightest = _bounds(slope + medians, (high, wide))
    dark, light = np.maximum(darkest - grey, 0), np.maximum(grey - lightest, 0)
    if ((light * light) ** 2).sum() > ((dark * dark) ** 2).sum():  # the largest differences decide
        too_light = medians > SHADOW * _range(grey, slope)[1]
        _, lightest = _bounds(slope + np.where(too_light, 0, medians), (high, wide))
        return np.asarray(np.maximum(grey - lightest, 0))
    too_dark = medians < SHADOW * _range(grey, slope)[0]
    darkest, _ = _bounds(slope + np.where(too_dark, 0, medians), (high, wide))
    dark = np.maximum(darkest - grey, 0)
    return np.asarray(dark * np.median(darkest) / np.maximum(darkest, 1), np.float32)


def _range(grey: Grey, slope: Grey) -> tuple[float, float]:
    """How far the grey `(H, W)` goes below and above a coarse slope, but for a few pixels."""
    rows, columns = (
        np.arange(0, length, 2) * coarse // length
        for length, coarse in zip(grey.shape, slope.shape, strict=True)
    )
    low, high = np.quantile(grey[::2, ::2] - slope[rows[:, None], columns], [0.001, 0.999])
    return float(low), float(high)


def _bounds(paper: Grey, shape: tuple[int, int]) -> tuple[Grey, Grey]:
    """The darkest and lightest grey `(H, W)` near each pixel of a coarse picture of paper."""
    darkest, lightest = (
        np.asarray(
            Image.fromarray(reach(paper, 5, mode="nearest")).resize(
                (shape[1], shape[0]), Image.Resampling.BILINEAR
            )
        )
        for reach in (scipy.ndimage.minimum_filter, scipy.ndimage.maximum_filter)
    )
    return darkest, lightest


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


def otsu(contrast: Grey) -> float:
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
        raise nothing()
    if ink.mean() - paper.mean() < MIN_SEPARATION * (ink.std() + paper.std()):
        raise nothing()


def _without_specks(mask: Mask) -> Mask:
    """The ink without specks, which are smaller than a dot of its pen. Raises NothingDrawn."""
    labels, count = scipy.ndimage.label(mask, AROUND)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = sizes > 0.5 * width(labels == sizes.argmax()) ** 2
    if not 0 < keep.sum() <= MAX_PARTS:
        raise nothing()
    return np.asarray(keep[labels])


def _stroked(mask: Mask, soft: Grey) -> tuple[Grey, int]:
    """The ink with strokes made as wide, for its size, as those of MNIST; and its padding.

    The padding is in pixels a side.
    """
    (box,) = scipy.ndimage.find_objects(mask.astype(np.uint8))
    side = max(mask[box].shape)
    pen = max(width(mask), 0.5)
    share = np.clip(pen * BOX / side, *WIDTHS) / BOX
    grow = (share * side - pen) / (2 * (1 - share))  # (pen + 2 grow) / (side + 2 grow) = share
    if abs(grow) < 0.25:
        return soft, 0
    padding = math.ceil(max(grow, 0)) + 1
    mask = np.pad(mask, padding)
    inside, outside = (scipy.ndimage.distance_transform_edt(part) for part in (mask, ~mask))
    grow = max(grow, -inside.max() / 2)  # thins a blot by no more than half
    depth = inside - outside  # > 0 in ink, in pixels; a pixel at the edge has 1 or -1
    inked = 255 * np.clip(depth + grow + np.where(mask, 0, 1), 0, 1)
    return np.asarray(inked, np.float32), padding
