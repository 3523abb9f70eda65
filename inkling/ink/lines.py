"""A number as someone wrote it becomes a line: the grey image that a line network reads.

A line is HEIGHT pixels high and as wide as its ink needs. The ink, 1 on 0, fills the rows between
the margins. Strokes are drawn with one pen. In a picture, the light is evened and the ink made 1;
what is printed on the paper stays, as grey. So no stroke is ever taken for print and removed.
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from inkling.errors import NothingDrawn
from inkling.ink import colour, decode, desk, marks, paper, pen, rows
from inkling.ink.decode import Picture, Pixels
from inkling.ink.drawing import DEFAULT_PRESSURE, PRESSURE_WIDTHS, Drawing
from inkling.ink.marks import Marks
from inkling.ink.parts import AROUND

HEIGHT = 32  # pixels of a line image
MARGIN = 3  # pixels above and below the ink
SIDE_MARGIN = 4  # pixels on its left and right
MAX_WIDTH = 1600  # pixels of a line image; a longer line is made smaller
FLATTEST = 6  # times as wide as high; a line with a flatter stroke, a dash, is not as high
PEN = 2.3  # pixels of a stroke; as MNIST has it, digits of a high line would close
FLAT = 4  # pens; in a picture, a row that is not as high is of dashes alone
FINER = 3  # times as fine as the image, in which strokes are drawn
SKETCH = 48  # pixels of the tallest stroke, where strokes are drawn to see which touch
CELLS = 32  # along a picture, in which its light is estimated
AREA = 100_000  # pixels, of a picture in which rows are looked for; a larger one is reduced
LEAST = 30  # pixels, of a row in a reduced picture
LARGE = 3  # times reduced, from which on the ink of a picture is looked for first
FAR = 0.9  # heights from its row, at most, of a point or dash; what is further away is none
HIGH = 0.8  # quantile of the heights of a row's parts, among which there may be specks
LOW = 0.45  # of the highest row; a lower one is a caption, or specks
LITTLE = 0.04  # of the row with most ink
TOWERING = 1.8  # times the usual height; a slash or a bracket is lower
BEYOND = 0.1, 0.5  # heights above and below digits, of a part that is far too high, and of others
SOLID = 0.75  # quantile of the ink's contrast that becomes 1
PALEST = 0.25  # of the ink, to which a hair may have paled
MAX_FLOOR = 0.3  # of the ink's contrast; up to it, what most of the paper has becomes 0

Grey = NDArray[np.float32]
Points = NDArray[np.float64]
Place = tuple[float, float]
Source = Picture | Drawing
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Line:
    """The image of one line, and where it lies in its source."""

    image: Grey  # (1, HEIGHT, W) in [0, 1], ink = 1 on 0
    scale: float  # pixels of the image for each unit of the source
    corner: Place  # x and y, in the source, of the image's upper left corner


def of(source: Source) -> tuple[Line, ...]:
    """The lines of a drawing or a picture, top to bottom; `source` as in `image.to_image`.

    Raises NothingDrawn if there is no ink, TooLarge or InkError if the source cannot be read.
    """
    if isinstance(source, Drawing):
        return tuple(of_strokes(row) for row in _rows_of(source))
    return find(source)


def find(picture: Picture) -> tuple[Line, ...]:
    """The lines of a picture, top to bottom. Raises the errors of `of`.

    The picture of a sheet on a desk is straightened. The scale and corner of its lines are those
    of a sheet that is not tilted, whose middle is the middle of this one.
    """
    with decode.naming(picture):
        found = decode.decoded(picture)
        seen, times = _found(found.pixels, found.lossy), found.times
    return _moved(seen, 0, 0, times)


def of_strokes(drawing: Drawing) -> Line:
    """The line of a drawing, by a pen that is as wide, for its height, as those of MNIST.

    Pressure makes the pen wider and narrower around that width. A single dot is as wide as the
    pen. Raises NothingDrawn if there are no points.
    """
    strokes = [stroke for stroke in drawing.strokes if stroke]
    if not strokes:
        raise NothingDrawn(
            "Expected at least one stroke, but there is nothing drawn", "Draw a number"
        )
    if any(len(point) > 2 for stroke in strokes for point in stroke):
        paths = [_pressed(stroke) for stroke in strokes]
        mean = np.concatenate(paths)[:, 2].mean()
        paths = [path / (1, 1, mean) for path in paths]
    else:
        paths = [np.array(stroke) for stroke in strokes]
    image, scale, corner = draw(paths, PEN)
    return Line(image[None], scale, corner)


def draw(strokes: Sequence[Points], stroke_width: float) -> tuple[Grey, float, Place]:
    """The image `(HEIGHT, W)` of strokes, with the scale and corner of a `Line`.

    A stroke is `(n, 2)`: x to the right and y down, in any unit; or `(n, 3)`, where the third
    number is how wide the line is there, in pens. `stroke_width` is that of the pen, in pixels of
    the image. No stroke is empty.
    """
    points = np.concatenate([stroke[:, :2] for stroke in strokes])
    low, high = points.min(0), points.max(0)
    width, height = (float(length) for length in high - low)
    starts = np.cumsum([0] + [len(stroke) for stroke in strokes[:-1]])
    lefts, rights = (end.reduceat(points[:, 0], starts) for end in (np.minimum, np.maximum))
    reach = max(height, float((rights - lefts).max()) / FLATTEST)
    scale = (HEIGHT - 2 * MARGIN - stroke_width) / reach if reach > 0 else 1.0
    scale = min(scale, (MAX_WIDTH - 2 * SIDE_MARGIN - stroke_width) / max(width, 1e-9))
    across = math.ceil(width * scale + stroke_width) + 2 * SIDE_MARGIN
    left, top = SIDE_MARGIN + stroke_width / 2, (HEIGHT - height * scale) / 2
    corner = float(low[0]) - left / scale, float(low[1]) - top / scale
    canvas = Image.new("L", (across * FINER, HEIGHT * FINER))
    pen.trace(canvas, strokes, corner, scale * FINER, stroke_width * FINER)
    return np.asarray(canvas.reduce(FINER), np.float32) / np.float32(255), scale, corner


def _rows_of(drawing: Drawing) -> list[Drawing]:
    """The rows of a drawing, top to bottom, each with all strokes that belong to it."""
    strokes = [np.array([point[:2] for point in stroke]) for stroke in drawing.strokes if stroke]
    if len(strokes) < 2:
        return [drawing]
    boxes = np.array([(*stroke.min(0), *stroke.max(0)) for stroke in strokes])
    wide, high = (boxes[:, 2:] - boxes[:, :2]).max(0).tolist()
    high = max(high if high > wide / 3 else wide / 2, 1e-9)  # of digits, whose dashes these are
    found = rows.group(boxes, high * PEN / HEIGHT)
    if len(found) > 1:  # or strokes of one digit lie above each other
        parts = _touching(strokes, SKETCH / high)
        joined = np.stack([rows.around(boxes[parts == part]) for part in range(parts.max() + 1)])
        found = [
            np.flatnonzero(np.isin(parts, row)) for row in rows.group(joined, high * PEN / HEIGHT)
        ]
    written = [stroke for stroke in drawing.strokes if stroke]
    return [Drawing([written[index] for index in sorted(row)], drawing.pen) for row in found]


def _touching(strokes: Sequence[Points], scale: float) -> NDArray[np.intp]:
    """Which connected part of the ink each stroke belongs to `(n,)`, drawn at this scale."""
    points = np.concatenate(strokes)
    low, (width, height) = points.min(0), np.ptp(points, 0)
    scale = min(scale, MAX_WIDTH / max(width, height, 1e-9))
    wide = SKETCH * PEN / HEIGHT
    canvas = Image.new("1", (int(width * scale + 2 * wide), int(height * scale + 2 * wide)))
    corner = float(low[0]) - wide / scale, float(low[1]) - wide / scale
    pen.trace(canvas, strokes, corner, scale, wide)
    labels, _ = scipy.ndimage.label(np.asarray(canvas), AROUND)
    starts = ((np.stack([stroke[0] for stroke in strokes]) - corner) * scale).astype(int)
    _, parts = np.unique(labels[starts[:, 1], starts[:, 0]], return_inverse=True)
    return parts


def _pressed(stroke: Sequence[Sequence[float]]) -> Points:
    """The points of a stroke `(n, 3)`: x, y and the width of the line there, in pens."""
    points = np.array([(*point, DEFAULT_PRESSURE)[:3] for point in stroke], np.float64)
    points[:, 2] = np.clip(points[:, 2] / DEFAULT_PRESSURE, *PRESSURE_WIDTHS)
    return points


def _found(pixels: Pixels, lossy: bool) -> tuple[Line, ...]:
    """The lines of a picture; where there is a sheet on a desk, of that sheet."""
    times = _times(pixels)
    small = paper.reduced(pixels, times)
    corners = desk.sheet(small)
    if corners is not None:
        corners = corners * times
        flat = desk.straightened(pixels, corners)
        x, y = corners.mean(0) - np.array(flat.shape[1::-1]) / 2
        with contextlib.suppress(NothingDrawn):  # if it is empty, it is no sheet
            times = _times(flat)
            return _moved(_on_paper(flat, paper.reduced(flat, times), lossy, times), x, y)
    return _on_paper(pixels, small, lossy, times)


def _times(pixels: Pixels) -> int:
    """How many pixels of a picture, along each side, become one."""
    return math.ceil(math.sqrt(math.prod(pixels.shape[:2]) / AREA))


def _moved(found: tuple[Line, ...], x: float, y: float, times: int = 1) -> tuple[Line, ...]:
    """Lines of a part of a picture whose upper left corner lies at x, y, or of one scaled down."""
    return tuple(
        Line(
            line.image, line.scale / times, (line.corner[0] * times + x, line.corner[1] * times + y)
        )
        for line in found
    )


def _on_paper(pixels: Pixels, small: Grey, lossy: bool, times: int) -> tuple[Line, ...]:
    """The lines of a picture that paper fills, and of which `small` is reduced `times`.

    Where little of a large picture is ink, the part around it is read at a finer scale. So is a
    picture in which a row is lower than LEAST.
    """
    grey = colour.brightness(small)
    if times >= LARGE:
        with contextlib.suppress(NothingDrawn):
            closer = paper.around_ink(grey, times, pixels.shape, alone=False)
            if times >= paper.CLOSER * _times(pixels[closer]):
                return _moved(_found(pixels[closer], lossy), closer[1].start, closer[0].start)
    seen = paper.off_the_border(grey, lossy) if paper.is_plain(grey) else paper.evened(grey, CELLS)
    ink = marks.find(seen)
    found = rows.group(ink.boxes, ink.pen, FAR, ink.torn)
    much = np.array([ink.sizes[row].sum() for row in found])
    high = np.array([rows.height(ink.boxes[row], HIGH) for row in found])
    kept = (much > LITTLE * much.max()) & (high > LOW * high.max())
    lowest = float(high[kept].min())
    if times > 1 and lowest < LEAST and len(small) * len(small[0]) < 4 * AREA:
        finer = max(1, min(times - 1, int(times * lowest / LEAST)))
        return _on_paper(pixels, paper.reduced(pixels, finer), lossy, finer)
    whose = np.zeros(len(ink.boxes) + 1, np.intp)
    for index, row in enumerate(found):
        whose[row + 1] = index + 1
    shown = (row for row, is_kept in zip(found, kept, strict=True) if is_kept)
    return tuple(_line(seen, ink, row, whose, times) for row in shown)


def _line(
    seen: Grey, ink: Marks, row: NDArray[np.intp], whose: NDArray[np.intp], times: int
) -> Line:
    """The line of a row of parts, of the contrast `(H, W)` of a picture reduced `times`.

    `whose` is the number of the row of each label of `ink`; 0 for what is in none, and for paper.
    """
    left, top, right, bottom = _box(ink.boxes[row], ink.torn).tolist()
    reach = bottom - top
    if reach < FLAT * ink.pen:
        reach = max(reach, (right - left) / FLATTEST)
    scale = min((HEIGHT - 2 * MARGIN) / reach, (MAX_WIDTH - 2 * SIDE_MARGIN) / (right - left))
    across = math.ceil((right - left) * scale) + 2 * SIDE_MARGIN
    x, y = left - SIDE_MARGIN / scale, (top + bottom) / 2 - HEIGHT / 2 / scale
    area = _around(x, y, across / scale, HEIGHT / scale)
    rows_, part = whose[_part(ink.labels, area)], _part(seen, area)
    inside = rows_ == whose[row[0] + 1]
    solid = float(np.quantile(part[inside], SOLID))
    around = scipy.ndimage.maximum_filter(inside, 5)
    others = scipy.ndimage.maximum_filter((rows_ > 0) & ~inside, 5) & ~around
    ground = part[~around & ~others]
    floor = min(float(np.median(ground)) if len(ground) else 0.0, MAX_FLOOR * solid)
    even = np.clip((part - floor) / (solid - floor), 0, 1)
    even[others] = 0
    start = x - area[1].start, y - area[0].start
    box = (*start, start[0] + across / scale, start[1] + HEIGHT / scale)
    small = Image.fromarray(even).resize((across, HEIGHT), Image.Resampling.HAMMING, box)
    mask = Image.fromarray(np.asarray(inside, np.uint8) * 255)
    covered = np.asarray(mask.resize((across, HEIGHT), Image.Resampling.BOX, box))
    # Strokes thinner than a pixel of the line became pale
    level = np.quantile(np.asarray(small)[covered > covered.max() / 2], SOLID)
    image = np.asarray(small) / max(float(level), PALEST)
    return Line(image[None].clip(0, 1), scale / times, (x * times, y * times))


def _box(boxes: Points, torn: bool) -> Points:
    """The box around a row of boxes, which may be of `torn` pieces: left, top, right, bottom.

    What goes far above or below the others, as ink that touches a fold or a ruled line, counts only
    as far as digits or signs do.
    """
    left, top, right, bottom = boxes.T
    heights, x, y = bottom - top, (left + right) / 2, (top + bottom) / 2
    usual = rows.height(boxes)
    tall = heights >= rows.TALL * usual
    away = np.subtract.outer(x[tall], x[tall])
    apart = away > usual
    rise = np.subtract.outer(y[tall], y[tall])[apart] / away[apart]
    slope = float(np.median(rise)) if len(rise) else 0.0  # Theil 1950 and Sen 1968
    if torn:
        reach = np.quantile(bottom - slope * x, 0.75) - np.quantile(top - slope * x, 0.25)
        usual = max(usual, float(reach))
    middle = slope * x + np.median(y[tall] - slope * x[tall])
    room = usual * (0.5 + np.where(heights > TOWERING * usual, *BEYOND))
    top, bottom = np.maximum(top, middle - room), np.minimum(bottom, middle + room)
    return np.array([left.min(), top.min(), right.max(), bottom.max()])


def _around(x: float, y: float, width: float, height: float) -> tuple[slice, slice]:
    """The pixels around a rectangle, which may lie outside of the picture."""
    return (
        slice(math.floor(y) - 1, math.ceil(y + height) + 1),
        slice(math.floor(x) - 1, math.ceil(x + width) + 1),
    )


def _part(picture: NDArray[Number], area: tuple[slice, slice]) -> NDArray[Number]:
    """A part of a picture `(H, W)`; 0 where it lies outside."""
    inside = tuple(
        slice(max(side.start, 0), min(side.stop, length))
        for side, length in zip(area, picture.shape, strict=True)
    )
    around = [
        (kept.start - side.start, side.stop - kept.stop)
        for side, kept in zip(area, inside, strict=True)
    ]
    return np.pad(picture[inside], around)
