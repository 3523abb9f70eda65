"""Synthetic digits in forms that MNIST lacks: a 1 with a long flag, a crossed 7, a 4 in one stroke.

MNIST holds the handwriting of Americans around 1990. FORMS lists forms that other people write,
as points on the path of a pen. Each image deforms its form at random. Others show the digits of
matplotlib's fonts. No real person's handwriting is used.
"""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.interpolate import make_interp_spline

from inkling.ink import to_image

SHEET = 60  # pixels a side, of the sheet that is drawn on; a digit's box has 20
PENS = (3.0, 14.0)  # pixels of the sheet, the narrowest and widest pen; MNIST's median is 7.5
FONTS = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*")
FROM_FONTS = 0.3  # share of the images
DEFORMATION = 0.05  # of a form's height: the standard deviation of each term of a deformation
SMOOTHNESS = 6  # points of a curve for each section between two points of a form

Pixels = NDArray[np.uint8]

# Strokes are separated by ";". Points are x,y in per cent of a box, y down. Two points are a
# straight line.
FORMS = {
    0: (
        "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0",
        "62,5 30,6 8,50 30,96 70,96 92,50 70,8 40,14",
        "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0; 88,8 12,92",
    ),
    1: (
        "50,0 50,100",
        "30,22 52,0; 52,0 52,100",
        "8,45 55,0; 55,0 55,100",
        "0,62 50,0; 50,0 50,100",
        "22,25 50,0; 50,0 50,100; 18,100 82,100",
        "50,0 50,100; 20,100 80,100",
    ),
    2: (
        "10,25 25,4 60,0 85,20 75,48 40,75 5,100; 5,100 95,100",
        "10,22 45,0 82,20 75,45 35,80 10,95 5,80 25,78 50,95 75,100 95,90",
        "10,5 85,5; 85,5 8,100; 8,100 90,100",
        "8,20 45,0 80,20 60,55 8,98; 8,98 40,88 92,97",
    ),
    3: (
        "10,12 45,0 82,18 70,40 38,47; 38,47 78,55 88,80 50,100 8,88",
        "10,3 85,3; 85,3 42,42; 42,42 85,55 88,82 50,100 8,88",
        "10,12 40,0 80,10 80,35 45,47 85,58 90,85 50,100 8,88",
    ),
    4: (
        "20,0 10,60; 10,60 95,60; 70,25 70,100",
        "15,0 12,35 25,50 60,50 85,35; 90,0 80,100",
        "65,0 5,68; 5,68 95,68; 65,0 65,100",
        "55,0 5,65; 5,65 95,60; 60,35 55,100",
        "60,0 25,38 5,70 20,80 70,66 76,46 62,48 52,72 45,100",
        "60,0 8,62; 8,62 40,66 75,55 80,38; 80,38 60,100",
    ),
    5: (
        "85,3 25,3; 25,3 18,45; 18,45 50,36 85,50 90,78 50,100 8,90",
        "85,5 40,3 20,25 45,45 80,60 75,90 40,100 8,92",
        "25,10 20,45 50,38 85,55 80,88 45,100 10,92; 30,5 95,0",
    ),
    6: (
        "75,2 35,25 10,60 15,90 50,100 85,85 85,62 55,50 20,62 12,75",
        "55,0 15,60 15,88 50,100 85,85 80,60 50,52 15,68",
        "85,12 60,0 25,15 8,55 18,92 55,100 88,80 75,55 40,52 12,68",
    ),
    7: (
        "8,5 92,5; 92,5 40,100",
        "8,5 92,5; 92,5 40,100; 30,50 85,47",
        "8,22 8,4; 8,4 92,4; 92,4 45,100",
        "5,10 20,2 50,6 92,4; 92,4 60,45 45,100; 28,52 80,48",
        "5,3 80,3; 80,3 75,100; 45,52 98,50",
    ),
    8: (
        "75,15 50,0 22,12 25,32 50,48 80,65 85,88 50,100 12,88 20,65 50,48 75,33 75,15",
        "50,0 20,22 50,45 80,22 50,0; 50,45 10,72 50,100 90,72 50,45",
        "85,8 50,0 20,15 30,38 75,60 82,88 50,100 15,88 25,62 65,38 85,8",
    ),
    9: (
        "85,15 50,0 12,18 15,42 50,52 85,30 85,15; 87,10 82,100",
        "85,25 50,52 12,35 20,8 55,0 85,20 88,60 70,95 30,100 8,88",
        "82,12 50,0 12,18 18,42 55,48 82,12; 82,12 35,100",
        "80,15 45,0 12,20 25,44 60,46 80,15; 80,15 82,55 88,85 50,100 8,92",
    ),
}


def make(number: int, rng: Generator) -> tuple[Pixels, NDArray[np.int64]]:
    """That number of images `(number, 1, 28, 28)` in 0..255, and their digits `(number,)`."""
    labels = rng.integers(0, 10, number)
    pixels = [
        np.rint(to_image(_printed(digit, rng) if printed else written(digit, rng)) * 255)
        for digit, printed in zip(labels, rng.random(number) < FROM_FONTS, strict=True)
    ]
    return np.stack(pixels).astype(np.uint8), labels


def written(digit: int, rng: Generator) -> Pixels:
    """A random form of a digit, deformed and slanted, on a sheet `(60, 60)`, with a random pen."""
    forms = FORMS[digit]
    strokes = deform(forms[rng.integers(len(forms))], rng)
    turn = np.array([[rng.uniform(0.5, 1), rng.uniform(-0.25, 0.25)], [0, 1]])
    return drawn([np.asarray(stroke @ turn.T) for stroke in strokes], rng.uniform(*PENS))


def deform(form: str, rng: Generator) -> list[NDArray[np.float64]]:
    """The strokes `(n, 2)` of a form as in FORMS, in a box of side 1, with a random deformation."""
    waves = rng.normal(0, DEFORMATION, (2, 6))

    def deformed(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        terms = np.stack([x, y, x * y, np.sin(3 * y), np.sin(3 * x + y), np.sin(5 * y - 2 * x)])
        return np.asarray(points + (waves @ terms).T)

    return [deformed(_curve(stroke)) for stroke in form.split(";")]


@cache
def _curve(text: str) -> NDArray[np.float64]:
    """The points `(n, 2)` of a spline through the points that the text lists."""
    points = np.array([pair.split(",") for pair in text.split()], np.float64) / 100
    along = np.cumsum([0, *np.hypot(*np.diff(points, axis=0).T)])
    steps = np.linspace(0, along[-1], SMOOTHNESS * (len(points) - 1) + 1)
    return np.asarray(make_interp_spline(along, points, min(3, len(points) - 1))(steps))


def drawn(strokes: Sequence[NDArray[np.float64]], pen: float) -> Pixels:
    """Strokes `(n, 2)` of points x, y, in any unit, scaled to fill a sheet `(60, 60)`."""
    points = np.concatenate(strokes)
    scale = (SHEET - pen - 2) / max(np.ptp(points, 0).max(), 1e-3)
    sheet = Image.new("L", (SHEET, SHEET))
    pencil = ImageDraw.Draw(sheet)
    for stroke in strokes:
        path = (stroke - points.min(0)) * scale + pen / 2 + 1
        pencil.line([tuple(point) for point in path], fill=255, width=round(pen))
        for x, y in path:
            pencil.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=255)
    return np.asarray(sheet)


def _printed(digit: int, rng: Generator) -> Pixels:
    fonts = glyphs(str(digit))
    return printed(*fonts[rng.integers(len(fonts))])


def printed(font: ImageFont.FreeTypeFont, sign: str) -> Pixels:
    """A sign of a font, scaled down to fit a sheet."""
    left, top, right, bottom = font.getbbox(sign)
    sheet = Image.new("L", (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2))
    ImageDraw.Draw(sheet).text((1 - left, 1 - top), sign, font=font, fill=255)
    sheet.thumbnail((SHEET, SHEET))
    return np.asarray(sheet)


@cache
def glyphs(signs: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
    """Each of these signs, in each font that has it."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    paths = sorted({path for name in FONTS for path in folder.glob(f"{name}.ttf")})
    return [
        (font, sign)
        for path in paths
        for font, known in [(ImageFont.truetype(path, SHEET), FT2Font(str(path)).get_charmap())]
        for sign in signs
        if ord(sign) in known
    ]
