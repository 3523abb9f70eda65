"""A drawing or a picture becomes the image that a network reads, exactly as MNIST was made.

The steps are MNIST's, as published and as QMNIST reconstructed them (Yadav & Bottou 2019):

1. Put a tight box around the ink and extend it to a square.
2. Reduce the square to 20x20 by exact area averaging.
3. Stretch the peak to 255.
4. Paste the result into 28x28, shifted by whole pixels so that the centre of mass lies in
   [14, 15). The centre of the first pixel lies at 0.5.

QMNIST writes the shift as int(15 - centre). That differs only for a centre on a whole pixel;
MNIST holds three such images, and their centres lie at 14.

In Fashion-MNIST's frame (Xiao, Rasul & Vollgraf 2017), the longer side is 28 and the box centred.

A "picture" has no ink: its colours stay, and its middle square becomes 32x32.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inkling.errors import InkError
from inkling.ink import colour, decode, drawing, paper
from inkling.ink.decode import SIDE
from inkling.ink.drawing import Drawing, Frame, Sheet

MAX_KNOWN = 200  # pixels; matrices for boxes up to it, as of strokes, are made once
MIN_PAPER = 64  # pixels of the longer side; in a smaller picture, uneven paper is not removed

Source = decode.Picture | Drawing
Shape = tuple[int, int, int]  # of an image: channels, height, width
SHAPES: dict[Frame, Shape] = {
    "digit": (1, SIDE, SIDE),
    "garment": (1, SIDE, SIDE),
    "picture": (3, 32, 32),  # as in CIFAR-10
}


def to_image(source: Source, frame: Frame = "digit") -> NDArray[np.float32]:
    """The image `(1, 28, 28)` in [0, 1], ink = 1 on 0, of one drawing or picture.

    In the frame "picture" it is `(3, 32, 32)`: red, green and blue, of a picture alone.

    `source` is a path, a data URL, a file opened for bytes, the bytes of one (bytes, bytearray,
    memoryview), a PIL image, an array or a `Drawing`. `formats.KINDS` names the formats of files.
    An array is `(H, W)`, `(H, W, 1)`, `(H, W, 3)`, `(H, W, 4)`, any of these with axes of 1
    before it, or `(784,)`; uint8, bool, or floats in [0, 1]. A tensor on the CPU is taken as an
    array, and so are nested lists of such numbers, in which whole numbers may also go up to 255.
    An open file is read from its beginning, and is left open.
    Dark ink on light paper is inverted. A transparent background becomes black or white,
    whichever contrasts with the ink. `frame` is "digit" as in MNIST, "garment" as in
    Fashion-MNIST or "picture" as in CIFAR-10.

    Raises NothingDrawn if there is no ink, TooLarge or InkError if the source cannot be read.

    >>> inkling.to_image("7.png").shape
    (1, 28, 28)
    """
    if frame == "picture":
        return _coloured(source)
    sheet = to_sheet(source, frame)
    return sheet.ink[None] / np.float32(255) if sheet.placed else fit(sheet.ink, frame)


def _coloured(source: Source) -> NDArray[np.float32]:
    """The image `(3, 32, 32)` in [0, 1] of a picture: its middle square, by the mean of areas."""
    if isinstance(source, Drawing):
        raise InkError(
            "Expected a picture, for this bundle reads colours, got a drawing",
            "Give a picture, or read with a bundle of digits",
        )
    with decode.naming(source):
        pixels = decode.decoded(source).pixels
    middle = Image.fromarray(np.rint(pixels).astype(np.uint8)).convert("RGB")
    size = SHAPES["picture"][1:]
    square = ImageOps.fit(middle, size[::-1], Image.Resampling.BOX)
    return np.asarray(square, np.float32).transpose(2, 0, 1) / np.float32(255)


def to_sheet(source: Source, frame: Frame = "digit") -> Sheet:
    """The ink of one drawing or picture, without its paper and light; `source` as in `to_image`.

    Raises the errors of `to_image`.
    """
    if isinstance(source, Drawing):
        return drawing.render(source, frame)
    with decode.naming(source):
        found = decode.decoded(source)
        sheet = _sheet(found.pixels, found.lossy, frame)
    x, y = sheet.corner
    scale, corner = sheet.scale / found.times, (x * found.times, y * found.times)
    return replace(sheet, scale=scale, corner=corner)


def decoded(source: Source) -> Drawing | decode.Decoded:
    """A source that can be looked at more than once; see `to_image`, whose errors it raises."""
    return source if isinstance(source, Drawing) else decode.decoded(source)


def _sheet(pixels: decode.Pixels, lossy: bool, frame: Frame) -> Sheet:
    """The ink of a picture's pixels `(H, W)` or `(H, W, 3)` in 0..255."""
    if frame == "garment":
        return Sheet(paper.off_the_border(colour.luma(pixels), lossy))
    if frame == "digit" and pixels.shape[:2] == (SIDE, SIDE):
        grey = colour.luma(pixels)
        if not paper.is_around(grey):  # ink reaches its border, as in an image
            return Sheet(grey, placed=True)
    if max(pixels.shape[:2]) < MIN_PAPER:
        return Sheet(paper.off_the_border(colour.brightness(pixels), lossy))
    return Sheet(*paper.off_the_paper(pixels, lossy))


def image_box(source: Source, frame: Frame = "digit") -> tuple[float, float, float, float]:
    """Where the image of a source lies in it: left, top, right, bottom, in units of the source.

    Of a sheet of paper that lies askew, roughly. Raises the errors of `to_image`.
    """
    sheet = to_sheet(source, frame)
    if sheet.placed:
        return 0.0, 0.0, float(SIDE), float(SIDE)
    _, (left, top), side = _fitted(sheet.ink, frame)
    left, top = sheet.corner[0] + left / sheet.scale, sheet.corner[1] + top / sheet.scale
    return left, top, left + side / sheet.scale, top + side / sheet.scale


def fit(ink: NDArray[np.float32], frame: Frame = "digit") -> NDArray[np.float32]:
    """The image `(1, 28, 28)` in [0, 1] of ink `(H, W)` with at least one pixel above 0."""
    return _fitted(ink, frame)[0]


def _fitted(
    ink: NDArray[np.float32], frame: Frame
) -> tuple[NDArray[np.float32], tuple[float, float], float]:
    """What `fit` gives; the x and y of the image's upper left corner in the ink, and its side."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cells = paper.BOX if frame == "digit" else SIDE
    side = max(box.shape)
    averaging = _averaging if side > MAX_KNOWN else _known_averaging
    down, across = (averaging(length, (side - length) // 2, side, cells) for length in box.shape)
    small = down @ box @ across.T
    grey = np.rint(small * (255 / small.max()))
    top, left = _shift(grey.sum(1)), _shift(grey.sum(0))
    room = np.zeros(
        (cells + SIDE + cells,) * 2, np.float32
    )  # larger, as a shift may push ink out of the image
    room[cells + top : cells + top + cells, cells + left : cells + left + cells] = grey
    image = room[None, cells : cells + SIDE, cells : cells + SIDE] / np.float32(255)
    cell = side / cells
    x = columns[0] - (side - box.shape[1]) // 2 - left * cell
    y = rows[0] - (side - box.shape[0]) // 2 - top * cell
    return image, (float(x), float(y)), SIDE * cell


def _averaging(length: int, start: int, side: int, cells: int) -> NDArray[np.float32]:
    """The matrix `(cells, length)` that resizes one axis of a box inside its square.

    The box begins `start` pixels into the square of `side` pixels. Each cell is the exact mean
    of the pixels it covers. Cells smaller than a pixel are interpolated linearly instead.
    """
    pixels = start + np.arange(length, dtype=np.float32)
    cell = side / cells
    edges = np.arange(cells, dtype=np.float32)[:, None] * np.float32(cell)
    if cell >= 1:
        overlap = np.minimum(edges + cell, pixels + 1) - np.maximum(edges, pixels)
        return np.asarray(np.maximum(overlap, 0) / cell, np.float32)
    distance = np.abs(edges + (cell - 1) / 2 - pixels)
    return np.asarray(np.maximum(1 - distance, 0), np.float32)


_known_averaging = lru_cache(MAX_KNOWN)(_averaging)


def _shift(mass: NDArray[np.float32]) -> int:
    """How many pixels to shift one axis so that the centre of `mass` `(n,)` lies in [14, 15).

    An axis of full length (28) is not shifted.
    """
    if len(mass) == SIDE:
        return 0
    centres = np.arange(len(mass)) + 0.5
    return math.ceil(SIDE / 2 - float(centres @ mass.astype(np.float64)) / float(mass.sum()))
