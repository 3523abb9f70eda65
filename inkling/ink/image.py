"""Ink -> image: a drawing or a picture becomes what a network reads, as MNIST was made.

MNIST's own path, as published and as QMNIST rebuilt it (Yadav & Bottou 2019): a tight box
around the ink, grown to a square; exact area averaging to 20x20; the peak stretched to 255;
pasted into 28x28 by a whole-pixel shift that brings the centre of mass into [14, 15), pixel
centres lying at +0.5. (QMNIST writes the shift as int(15 - centre), which differs only for a
centre on a whole pixel; MNIST holds three of those, and all three lie at 14.)

Fashion-MNIST's frame (Xiao, Rasul & Vollgraf 2017): the longer side to 28, centred.
"""

import io
import math
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from inkling.ink import paper
from inkling.errors import InkError, NothingDrawn, TooLarge

SIDE = 28  # pixels, of every image
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")  # a phone's MPO comes as a JPEG
LOSSY = ("JPEG", "MPO", "WEBP")
MAX_PIXELS = 50_000_000  # a 48-megapixel photograph passes, a bomb does not
MAX_POINTS = 10_000  # of one drawing; a busy page draws a few hundred
MAX_COORDINATE = 1e6
LEAST_PEN = 1e-3
DEFAULT_PEN = 30.0  # of a 384-pixel canvas: leaves MNIST's stroke, 2.5 pixels wide
SEES_PAPER = 64  # pixels of the longer side, from which on paper is looked for
STROKE = 2.5  # pixels, the median width of MNIST's strokes in a box of paper.BOX
LINE_HEIGHT = 80  # pixels, of a line of digits
LONGEST = 40  # times its height, of a line; longer than that, it is a dash
EVEN = 0.5  # pressure, of whatever has no other; there a line is as wide as the pen
PRESSED = (0.3, 1.7)  # pens, of the thinnest line and the widest
RASTER = 640  # pixels; strokes are drawn so large, then averaged down 32 to 1

Frame = Literal["digit", "garment"]
Layout = Literal["digit", "garment", "line"]
Decoded = TypeVar("Decoded")


@dataclass(frozen=True)
class Drawing:
    """What a person drew: strokes of points (x to the right, y down), any unit, one pen.

    A point may have its pen's pressure in (0, 1] as third number; one of two numbers has EVEN.
    """

    strokes: Sequence[Sequence[Sequence[float]]]
    pen: float = DEFAULT_PEN  # width of the line, in the unit of the points

    def __post_init__(self) -> None:
        points = [point for stroke in self.strokes for point in stroke]
        if len(points) > MAX_POINTS:
            raise TooLarge(
                f"Expected a drawing of at most {MAX_POINTS:,} points, got {len(points):,}",
                "Send fewer points a stroke",
            )
        if not LEAST_PEN <= self.pen <= MAX_COORDINATE:
            raise InkError(
                f"Expected a pen {LEAST_PEN:g} to {MAX_COORDINATE:,.0f} wide, got {self.pen:g}",
                "Send its width in pixels of your canvas",
            )
        if not all(len(p) in (2, 3) and all(abs(c) <= MAX_COORDINATE for c in p) for p in points):
            raise InkError(
                f"Expected points (x, y) with coordinates within {MAX_COORDINATE:,.0f}",
                "Send finite numbers, in pixels of your canvas",
            )
        if not all(0 < pressure <= 1 for p in points for pressure in p[2:]):
            raise InkError(
                "Expected a pressure above 0 and at most 1 as third number of a point",
                "Leave it out where it is not known",
            )


@dataclass(frozen=True)
class Sheet:
    """The ink of a drawing or picture, and where it lies there."""

    ink: NDArray[np.float32]  # (H, W) >= 0, with at least one pixel above 0
    scale: float = 1.0  # pixels of the ink for each of the source's own units
    corner: tuple[float, float] = (0.0, 0.0)  # x and y of the ink's upper left, in those units
    placed: bool = False  # is an image already, in 0..255


Source = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any] | Drawing


def to_image(source: Source, frame: Frame = "digit") -> NDArray[np.float32]:
    """The image `(1, 28, 28)` in [0, 1], ink = 1 on 0, of one drawing or picture.

    `source`: a path, the bytes of a file, a PIL image, an array or a `Drawing`. Arrays are
    `(H, W)`, `(1, H, W)`, `(H, W, 3)` or `(H, W, 4)`; uint8, bool, or floats in [0, 1].
    Dark ink on light paper is inverted, transparency laid on what sets the ink off.
    `frame`: "digit" as MNIST, "garment" as Fashion-MNIST.

    Raises NothingDrawn if there is no ink, TooLarge and InkError for what cannot be read.
    """
    sheet = to_sheet(source, frame)
    return sheet.ink[None] / np.float32(255) if sheet.placed else fit(sheet.ink, frame)


def to_sheet(source: Source, layout: Layout = "digit") -> Sheet:
    """The ink of one drawing or picture, light and paper taken away; `source` as above.

    A "line" holds several digits, so that their height, not its length, says how wide strokes
    are. Raises as `to_image`.
    """
    if isinstance(source, Drawing):
        return _render(source, layout)
    if isinstance(source, np.ndarray):
        return _ink(_grey_array(source), layout)
    if isinstance(source, Image.Image) and source.mode == "F":
        return _ink(_grey_array(np.asarray(source)), layout)
    if isinstance(source, Image.Image):
        grey = _decoding(lambda: _grey(ImageOps.exif_transpose(source)))
        return _ink(grey, layout, source.format in LOSSY)
    if isinstance(source, bytes):
        return to_sheet(_decoding(lambda: _open(io.BytesIO(source))), layout)
    path = Path(source)
    try:
        with path.open("rb") as file:
            return to_sheet(_decoding(lambda: _open(file)), layout)
    except InkError as error:
        raise type(error)(f"{path}: {error.error}", error.hint) from error
    except (OSError, ValueError) as cause:  # the second, of a path with a zero byte
        why = getattr(cause, "strerror", None) or cause
        raise InkError(f"{path}: Expected a picture, but {why}", "Check the path") from cause


def _open(file: IO[bytes]) -> Image.Image:
    """The picture in a file, its size checked before its pixels are decoded."""
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got {image.width:,} x {image.height:,}",
            "Scale the picture down",
        )
    image.load()
    return image


def _decoding(decode: Callable[[], Decoded]) -> Decoded:
    """What `decode` gives; an InkError if Pillow cannot, which raises nearly every kind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode()
    except InkError:
        raise
    except Image.DecompressionBombError as cause:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got far more", "Scale the picture down"
        ) from cause
    except Exception as cause:
        raise InkError(
            "Expected a picture (PNG, JPEG, WebP, BMP or GIF), but it cannot be decoded",
            "Check that the file is whole, or save it again as PNG",
        ) from cause


def _grey(image: Image.Image) -> NDArray[np.float32]:
    """The brightness `(H, W)` in 0..255 of a picture, made opaque; ValueError without pixels."""
    if not image.width * image.height:
        raise ValueError("no pixels")
    if image.mode.startswith("I;16"):
        return np.asarray(image, np.float32) / np.float32(257)
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"), np.float32)
    light, alpha = (np.asarray(band, np.float32) for band in image.convert("LA").split())
    light_ink = (light * alpha).sum() > 127 * alpha.sum()
    behind = 0.0 if light_ink else 255.0
    return np.asarray(behind + (light - behind) * (alpha / 255), np.float32)


def _grey_array(array: NDArray[Any]) -> NDArray[np.float32]:
    """The brightness `(H, W)` in 0..255 of an array, or an InkError that says what fits."""
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if not array.size or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,), (4,)):
        raise InkError(
            f"Expected an array of shape (H, W), (1, H, W), (H, W, 3) or (H, W, 4), "
            f"got {array.shape}",
            "Give one picture at a time; read_many takes a list of them",
        )
    if array.size > 4 * MAX_PIXELS:
        raise TooLarge(
            f"Expected at most {MAX_PIXELS:,} pixels, got {array.shape}", "Scale the picture down"
        )
    if array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1:
        array = array * 255
    elif array.dtype == bool:
        array = array * np.uint8(255)
    elif array.dtype != np.uint8:
        extremes = f", {array.min()} to {array.max()}" if array.dtype.kind in "iuf" else ""
        raise InkError(
            f"Expected uint8, bool, or floats in [0, 1], got {array.dtype}{extremes}",
            "Divide by the largest possible value, or convert to uint8",
        )
    if array.ndim == 3:
        return _grey(Image.fromarray(array.astype(np.uint8)))
    return array.astype(np.float32)


def _ink(grey: NDArray[np.float32], layout: Layout, lossy: bool = False) -> Sheet:
    """The ink of the brightness `(H, W)` in 0..255 of a picture.

    One of 28x28 whose border is no paper has no box to be found: it stays where it is.
    """
    if layout == "digit" and grey.shape == (SIDE, SIDE) and not paper.is_around(grey):
        return Sheet(grey, placed=True)
    if layout == "garment" or max(grey.shape) < SEES_PAPER:
        return Sheet(paper.off_the_border(grey, lossy))
    ink, padding = paper.off_the_paper(grey, lossy, layout == "line")
    scale = paper.reduction(grey.shape)
    return Sheet(ink, scale, (-padding / scale, -padding / scale))


def _render(drawing: Drawing, layout: Layout) -> Sheet:
    """The ink of a drawing, on a raster in which its longer side is RASTER pixels.

    A digit's pen is the one that leaves STROKE; a dot has only its own. A line is LINE_HEIGHT
    high instead. The pen is that of the mean pressure, so that only differences of it are seen.
    """
    strokes = [_weighed(stroke) for stroke in drawing.strokes if len(stroke)]
    if not strokes:
        raise NothingDrawn(
            "Expected at least one stroke, but there is nothing drawn", "Draw a digit"
        )
    points, weights = np.split(np.concatenate(strokes), [2], axis=1)
    width, height = np.ptp(points, 0)
    reach = max(height, width / LONGEST) if layout == "line" else max(height, width)
    usual = weights.mean()
    pen = drawing.pen * usual
    if layout != "garment" and reach >= pen / 2:
        pen = reach * STROKE / (paper.BOX - STROKE)
    around = pen / 2 * (weights / usual)
    corner = (points - around).min(0)
    extent = (points + around).max(0) - corner
    scale = LINE_HEIGHT / (reach + pen) if layout == "line" else RASTER / extent.max()
    raster = Image.new("L", tuple(math.ceil(length * scale) + 1 for length in extent))
    pencil = ImageDraw.Draw(raster)
    for stroke in strokes:
        path = ((stroke[:, :2] - corner) * scale).tolist()
        widths = (pen * scale * (stroke[:, 2] / usual)).tolist()
        for (start, end), (first, then) in zip(pairwise(path), pairwise(widths), strict=True):
            pencil.line([*start, *end], fill=255, width=max(1, round((first + then) / 2)))
        for (x, y), width in zip(path, widths, strict=True):
            pencil.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
    return Sheet(np.asarray(raster, np.float32), scale, (corner[0], corner[1]))


def _weighed(stroke: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Of each point x, y and the width of the line there, in pens: `(n, 3)`."""
    points = np.array([(*point, EVEN)[:3] for point in stroke], np.float64)
    points[:, 2] = np.clip(points[:, 2] / EVEN, *PRESSED)
    return points


def fit(ink: NDArray[np.float32], frame: Frame = "digit") -> NDArray[np.float32]:
    """The image `(1, 28, 28)` of the ink `(H, W)`, which has at least one pixel above 0."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    cells = paper.BOX if frame == "digit" else SIDE
    side = max(box.shape)
    down, across = (_averaging(length, (side - length) // 2, side, cells) for length in box.shape)
    small = down @ box @ across.T
    grey = np.rint(small * (255 / small.max()))
    top, left = _shift(grey.sum(1)), _shift(grey.sum(0))
    room = np.zeros((cells + SIDE + cells,) * 2, np.float32)  # a shift may push ink out of sight
    room[cells + top : cells + top + cells, cells + left : cells + left + cells] = grey
    return room[None, cells : cells + SIDE, cells : cells + SIDE] / np.float32(255)


def _averaging(length: int, start: int, side: int, cells: int) -> NDArray[np.float32]:
    """The matrix `(cells, length)` that resizes one axis of a box inside its square.

    The box begins `start` pixels into the square of `side` pixels. Each cell is the exact
    mean of what it covers; where a cell is smaller than a pixel, it is interpolated instead.
    """
    pixels = start + np.arange(length, dtype=np.float32)
    cell = side / cells
    edges = np.arange(cells, dtype=np.float32)[:, None] * np.float32(cell)
    if cell >= 1:
        overlap = np.minimum(edges + cell, pixels + 1) - np.maximum(edges, pixels)
        return np.asarray(np.maximum(overlap, 0) / cell, np.float32)
    distance = np.abs(edges + (cell - 1) / 2 - pixels)
    return np.asarray(np.maximum(1 - distance, 0), np.float32)


def _shift(mass: NDArray[np.float32]) -> int:
    """How far to move a line of `mass` so that its centre comes to lie in [14, 15).

    A full-width line (28) stays where it is.
    """
    if len(mass) == SIDE:
        return 0
    centres = np.arange(len(mass)) + 0.5
    return math.ceil(SIDE / 2 - float(centres @ mass.astype(np.float64)) / float(mass.sum()))
