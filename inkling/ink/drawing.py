"""A drawing, which is strokes of points and a pen width, and its rendering as ink."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal, SupportsFloat

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inkling.errors import InkError, NothingDrawn, TooLarge
from inkling.ink import paper
from inkling.ink.decode import reason
from inkling.ink.pen import trace
from inkling.plots import html

MAX_POINTS = 10_000  # of one drawing; one with many strokes has a few hundred
MAX_COORDINATE = 1e6
MIN_PEN = 1e-3
DEFAULT_PEN = 30.0  # pixels, on a canvas of 384: gives MNIST's stroke, 2.5 pixels wide
DEFAULT_PRESSURE = 0.5  # of a point without one; at this pressure a line is as wide as the pen
PRESSURE_WIDTHS = (0.3, 1.7)  # pen widths, of the thinnest and the widest line
STROKE = 2.5  # pixels, the median width of MNIST's strokes in a box of paper.BOX
RASTER = 160  # pixels of the longer side, in which strokes are drawn; 8 to 1 of a digit's box
MARGIN = 16  # pixels of paper around a picture of a drawing

Frame = Literal["digit", "garment", "picture"]


Point = tuple[float, ...]  # x, y, and perhaps the pressure


@dataclass(frozen=True, init=False)
class Drawing:
    """What a person drew: strokes of points (x to the right, y down), in any unit, by one pen.

    The third number of a point, if it has one, is the pressure of the pen, in (0, 1]. Without it,
    the pressure is DEFAULT_PRESSURE. Strokes, their points and the numbers of a point may come as
    lists, arrays or generators; a number may also come as text. They are kept as tuples of floats.

    Raises InkError or TooLarge if they are no drawing.

    >>> seven = inkling.Drawing([[(110, 80), (270, 80), (180, 310)]])
    >>> seven
    Drawing(1 stroke, 3 points, pen 30)
    >>> inkling.Reader.load().read(seven).label
    7
    """

    strokes: tuple[tuple[Point, ...], ...]
    pen: float  # width of the line, in the unit of the points

    def __init__(
        self,
        strokes: Iterable[Iterable[Iterable[SupportsFloat]]],
        pen: SupportsFloat = DEFAULT_PEN,
    ) -> None:
        object.__setattr__(self, "strokes", _taken(strokes))
        object.__setattr__(self, "pen", _width_of(pen))

    def __repr__(self) -> str:
        points, many = sum(map(len, self.strokes)), "s" * (len(self.strokes) != 1)
        return f"Drawing({len(self.strokes)} stroke{many}, {points} points, pen {self.pen:g})"

    def _repr_html_(self) -> str:
        shown = html.strokes(self.strokes, self.pen) if any(self.strokes) else ""
        return html.panel(repr(self), shown)

    def picture(self) -> Image.Image:
        """What is drawn, dark on white. Raises NothingDrawn."""
        ink = np.rint(render(self, "digit").ink).astype(np.uint8)
        return ImageOps.expand(Image.fromarray(255 - ink), MARGIN, 255)


def _taken(strokes: Iterable[Iterable[Iterable[SupportsFloat]]]) -> tuple[tuple[Point, ...], ...]:
    """The strokes as tuples, each iterated once. Raises InkError, TooLarge."""
    taken: list[tuple[Point, ...]] = []
    left = MAX_POINTS
    try:
        for stroke in strokes:
            points = _plain(stroke) or [_point(point) for point in islice(stroke, left + 1)]
            left -= len(points)
            if left < 0:
                raise TooLarge(
                    f"Expected a drawing of at most {MAX_POINTS:,} points, got more",
                    "Send fewer points a stroke",
                )
            taken.append(tuple(points))
    except InkError:
        raise
    except Exception as cause:  # what is iterated may raise anything
        raise InkError(
            f"Expected strokes of points of numbers, but {reason(cause)}",
            "Give a list of strokes, each a list of points (x, y): [[(10, 20), (30, 40)]]",
        ) from cause
    return tuple(taken)


def _plain(stroke: object) -> list[Point] | None:
    """The points of a stroke as a parsed file or message has them, checked together; else None."""
    if type(stroke) is not list or not stroke or {*map(type, stroke)} != {list}:
        return None
    numbers = [*chain.from_iterable(stroke)]
    if {*map(len, stroke)} != {2} or {*map(type, numbers)} != {float}:
        return None
    if (
        not max(numbers) <= MAX_COORDINATE
        or not min(numbers) >= -MAX_COORDINATE
        or any(map(math.isnan, numbers))
    ):
        return None
    return [*map(tuple, stroke)]


def _point(point: Iterable[SupportsFloat]) -> Point:
    """A point as a tuple of 2 or 3 floats. Raises InkError, TypeError, ValueError."""
    if isinstance(point, str | bytes):
        raise TypeError("a point is text")
    numbers = tuple(map(float, islice(point, 4)))
    if len(numbers) not in (2, 3) or not (
        abs(numbers[0]) <= MAX_COORDINATE and abs(numbers[1]) <= MAX_COORDINATE
    ):
        raise InkError(
            f"Expected points (x, y) with coordinates within {MAX_COORDINATE:,.0f}",
            "Send finite numbers, in pixels of your canvas",
        )
    if len(numbers) == 3 and not 0 < numbers[2] <= 1:
        raise InkError(
            "Expected a pressure above 0 and at most 1 as third number of a point",
            "Leave it out where it is not known",
        )
    return numbers


def _width_of(pen: SupportsFloat) -> float:
    """The width of a pen. Raises InkError."""
    try:
        width = float(pen)
    except Exception as cause:  # as of any object
        raise InkError(
            f"Expected the width of a pen, got {type(pen).__name__}",
            "Give a number, in pixels of your canvas",
        ) from cause
    if not MIN_PEN <= width <= MAX_COORDINATE:
        raise InkError(
            f"Expected a pen {MIN_PEN:g} to {MAX_COORDINATE:,.0f} wide, got {width:g}",
            "Send its width in pixels of your canvas",
        )
    return width


@dataclass(frozen=True)
class Sheet:
    """The ink of a drawing or picture, and its place in the source."""

    ink: NDArray[np.float32]  # (H, W) >= 0, with at least one pixel above 0
    scale: float = 1.0  # pixels of the ink for each unit of the source
    corner: tuple[float, float] = (
        0.0,
        0.0,
    )  # x and y of the ink's upper left corner, in units of the source
    placed: bool = False  # whether the ink is an image already, in 0..255, to be used as it is


def render(
    drawing: Drawing, frame: Frame, raster: int = RASTER, stroke_width: float = STROKE
) -> Sheet:
    """The ink of a drawing. Raises NothingDrawn if it has no points.

    The longer side is `raster` pixels. A digit is drawn with the pen that gives strokes of
    `stroke_width`, in pixels of a box of paper.BOX, whatever the drawing's own pen; a dot or a
    garment is drawn with its own pen. The mean pressure gives the width of the pen, so only
    differences of pressure matter.
    """
    strokes = [stroke for stroke in drawing.strokes if stroke]
    if not strokes:
        raise NothingDrawn(
            "Expected at least one stroke, but there is nothing drawn", "Draw a digit"
        )
    has_pressure = max(map(len, chain.from_iterable(strokes))) > 2
    paths = [_widths(stroke) if has_pressure else np.array(stroke) for stroke in strokes]
    points, widths_in_pens = np.split(np.concatenate(paths), [2], axis=1)
    pressed = has_pressure and bool(np.ptp(widths_in_pens))
    usual = widths_in_pens.mean() if has_pressure else 1.0
    reach = (points.max(0) - points.min(0)).max()
    pen = drawing.pen * usual
    if frame != "garment" and reach >= pen / 2:
        pen = reach * stroke_width / (paper.BOX - stroke_width)
    around = pen / 2 * (widths_in_pens / usual) if pressed else pen / 2
    corner = (points - around).min(0)
    extent = (points + around).max(0) - corner
    scale = raster / extent.max()
    canvas = Image.new("L", tuple(math.ceil(length * scale) + 1 for length in extent))
    paths = [path / (1, 1, usual) if pressed else path[:, :2] for path in paths]
    trace(canvas, paths, (corner[0], corner[1]), scale, pen * scale)
    return Sheet(np.asarray(canvas, np.float32), scale, (corner[0], corner[1]))


def _widths(stroke: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """The points of a stroke `(n, 3)`: x, y and the width of the line there, in pen widths."""
    points = np.array([(*point, DEFAULT_PRESSURE)[:3] for point in stroke], np.float64)
    points[:, 2] = np.clip(points[:, 2] / DEFAULT_PRESSURE, *PRESSURE_WIDTHS)
    return points
