"""Synthetic digits in forms that MNIST lacks: a 1 with a long flag, a crossed 7, a 4 in one stroke.

MNIST holds the handwriting of Americans around 1990. FORMS lists forms that other people write,
as points on the path of a pen. Each image moves the points of its form at random, and varies it as
strokes of a person are varied. Others show the digits of matplotlib's fonts.
"""

import math
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.interpolate import make_interp_spline

from inkling.augmentation import strokes
from inkling.augmentation.strokes import Points
from inkling.ink import to_image

SHEET = 60  # pixels, of the longer side of a printed sign
FONTS = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*")
FROM_FONTS = 0.1  # share of the images
MOVED = 0.03  # of a form's height: the standard deviation of each of its points
SMOOTHNESS = 6  # points of a curve for each section between two points of a form
# How often each digit is drawn: a 1, a 2 and a 4 have the most forms that MNIST lacks
SHARES = (0.08, 0.30, 0.18, 0.07, 0.13, 0.04, 0.05, 0.06, 0.04, 0.05)

Pixels = NDArray[np.uint8]

# Strokes are separated by ";". Points are x,y in per cent of a box, y down. Two points are a
# straight line.
FORMS = {
    0: (
        "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0",
        "62,5 30,6 8,50 30,96 70,96 92,50 70,8 40,14",
        "75,0 30,4 6,50 28,96 70,97 93,50 72,8 30,2",
        "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0; 90,5 10,95",
        "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0; 72,25 28,75",
        "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0; 48,48 52,53",
    ),
    1: (
        "50,0 50,100",
        "30,22 52,0; 52,0 52,100",
        "8,45 55,0; 55,0 55,100",
        "0,62 50,0; 50,0 50,100",
        "0,80 55,0; 55,0 55,100",
        "0,97 48,0; 48,0 62,100",
        "0,42 10,50 32,32 58,0; 58,0 54,100",
        "0,62 26,52 56,0; 56,0 52,100",
        "0,36 22,40 46,20 60,0; 60,0 50,100",
        "0,52 28,46 62,0; 62,0 58,100",
        "22,25 50,0; 50,0 50,100; 18,100 82,100",
        "0,60 50,0; 50,0 50,100; 10,100 90,100",
        "0,42 10,48 30,32 52,0; 52,0 50,100; 15,100 85,99",
        "25,22 50,0; 50,0 50,97; 50,97 15,100 88,98",
        "0,26 64,0; 64,0 50,100",
        "0,20 30,16 72,0; 72,0 48,100",
        "0,32 70,0; 70,0 44,100",
        "0,55 14,70 30,60 45,30 50,2; 50,2 50,100",
        "0,62 26,66 46,34 50,0; 50,0 52,100",
        "0,72 20,78 42,40 52,0; 52,0 46,100",
        "0,52 48,0; 48,0 46,92; 46,92 4,100 98,90",
        "50,0 50,100; 20,100 80,100",
    ),
    2: (
        "10,25 25,4 60,0 85,20 75,48 40,75 5,100; 5,100 95,100",
        "10,22 45,0 82,20 75,45 35,80 10,95 5,80 25,78 50,95 75,100 95,90",
        "10,22 45,0 80,18 72,45 40,78 18,97 4,88 14,74 36,84 62,99 96,92",
        "10,5 85,5; 85,5 8,100; 8,100 90,100",
        "8,20 45,0 80,20 60,55 8,98; 8,98 40,88 92,97",
        "30,32 12,26 15,8 45,0 75,12 72,42 40,75 5,98; 5,98 95,98",
        "35,28 20,33 10,15 35,0 70,5 76,35 45,70 10,95; 10,95 95,92",
        "38,24 22,36 8,20 30,0 68,2 78,30 48,68 22,94 6,86 16,72 40,84 64,98 96,90",
        "28,34 14,28 18,8 46,0 74,10 70,40 36,80 14,96 4,84 20,76 48,92 92,96",
        "8,22 42,0 82,24; 82,24 8,98; 8,98 92,98",
        "12,12 50,0 78,20; 78,20 10,96; 10,96 94,88",
        "8,12 46,0; 46,0 36,96; 36,96 100,92",
        "0,16 34,2 56,14 44,60 30,98; 30,98 96,96",
        "34,30 16,26 22,4 52,2 66,26 44,66 10,94; 10,94 40,86 70,98 98,88",
    ),
    3: (
        "10,12 45,0 82,18 70,40 38,47; 38,47 78,55 88,80 50,100 8,88",
        "10,3 85,3; 85,3 42,42; 42,42 85,55 88,82 50,100 8,88",
        "5,0 90,0; 90,0 45,38; 45,38 88,58 86,88 40,100 4,90",
        "8,4 80,0; 80,0 48,44 84,62 80,92 36,100 4,88",
        "10,12 40,0 80,10 80,35 45,47 85,58 90,85 50,100 8,88",
        "12,14 46,0 80,14 62,42 44,50 36,44 52,44 84,60 82,90 42,100 6,86",
    ),
    4: (
        "20,0 10,60; 10,60 95,60; 70,25 70,100",
        "15,0 12,35 25,50 60,50 85,35; 90,0 80,100",
        "65,0 5,68; 5,68 95,68; 65,0 65,100",
        "55,0 5,65; 5,65 95,60; 60,35 55,100",
        "60,0 25,38 5,70 20,80 70,66 76,46 62,48 52,72 45,100",
        "60,0 8,62; 8,62 40,66 75,55 80,38; 80,38 60,100",
        "32,0 8,58; 8,58 90,54; 78,18 60,100",
        "48,0 6,62 88,58; 80,24 54,100",
        "15,0 10,44 40,54 86,44; 90,0 84,100",
        "28,0 12,50 34,58 80,46; 88,6 50,100",
        "70,0 6,70; 6,70 70,66 94,64; 58,40 52,100",
        "80,0 10,60 20,70 92,56; 66,34 46,100",
        "58,0 8,50; 8,50 78,44; 78,44 44,100",
        "60,0 14,46 30,52 82,40; 82,40 40,100",
    ),
    5: (
        "85,3 25,3; 25,3 18,45; 18,45 50,36 85,50 90,78 50,100 8,90",
        "85,5 40,3 20,25 45,45 80,60 75,90 40,100 8,92",
        "25,10 20,45 50,38 85,55 80,88 45,100 10,92; 30,5 95,0",
        "90,2 35,0 20,40 60,42 88,68 60,98 8,92",
        "20,8 16,46 54,40 84,58 76,90 40,100 6,90; 18,8 90,2",
    ),
    6: (
        "75,2 35,25 10,60 15,90 50,100 85,85 85,62 55,50 20,62 12,75",
        "55,0 15,60 15,88 50,100 85,85 80,60 50,52 15,68",
        "85,12 60,0 25,15 8,55 18,92 55,100 88,80 75,55 40,52 12,68",
        "62,0 16,40 4,76 30,100 80,98 98,76 70,60 30,68 10,84",
        "40,0 6,56 10,90 40,100 70,90 74,66 46,56 12,74",
    ),
    7: (
        "8,5 92,5; 92,5 40,100",
        "8,5 92,5; 92,5 40,100; 30,50 85,47",
        "8,5 92,5; 92,5 45,100; 50,52 76,49",
        "8,22 8,4; 8,4 92,4; 92,4 45,100",
        "8,22 8,4; 8,4 92,4; 92,4 45,100; 38,54 84,52",
        "5,10 20,2 50,6 92,4; 92,4 60,45 45,100; 28,52 80,48",
        "5,3 80,3; 80,3 75,100; 45,52 98,50",
        "5,16 14,2 46,10 90,2; 90,2 58,40 48,100",
    ),
    8: (
        "75,15 50,0 22,12 25,32 50,48 80,65 85,88 50,100 12,88 20,65 50,48 75,33 75,15",
        "50,0 20,22 50,45 80,22 50,0; 50,45 10,72 50,100 90,72 50,45",
        "85,8 50,0 20,15 30,38 75,60 82,88 50,100 15,88 25,62 65,38 85,8",
        "80,5 45,0 15,18 45,45 85,72 60,98 20,90 20,68 55,45 88,4",
        "86,12 50,0 20,18 45,45 82,76 50,100 18,82 45,52 78,26",
        "20,4 78,92 50,100 20,90 80,6",
        "80,8 20,90 50,100 78,88 22,8 50,0 84,6",
    ),
    9: (
        "85,15 50,0 12,18 15,42 50,52 85,30 85,15; 87,10 82,100",
        "85,25 50,52 12,35 20,8 55,0 85,20 88,60 70,95 30,100 8,88",
        "82,12 50,0 12,18 18,42 55,48 82,12; 82,12 35,100",
        "80,15 45,0 12,20 25,44 60,46 80,15; 80,15 82,55 88,85 50,100 8,92",
        "80,10 45,0 15,20 30,42 65,40 80,12; 80,12 82,70 60,100 25,95 15,80",
        "80,10 45,0 15,20 30,42 65,40 80,12; 80,12 82,74 52,100 22,88 46,70 96,60",
        "82,18 50,4 18,24 40,46 76,28 86,6; 86,6 70,100",
        "80,6 40,2 14,24 40,44 80,30; 80,6 78,100",
        "75,12 45,2 20,16 36,36 66,26 80,8 78,40 84,66 60,96 20,92",
    ),
}


def make(number: int, rng: Generator) -> tuple[Pixels, NDArray[np.int64]]:
    """That number of images `(number, 1, 28, 28)` in 0..255, and their digits `(number,)`."""
    labels = rng.choice(10, number, p=SHARES)
    pixels = [
        _printed(digit, rng) if printed else _drawn(digit, rng)
        for digit, printed in zip(labels, rng.random(number) < FROM_FONTS, strict=True)
    ]
    return np.stack(pixels), labels


def written(digit: int, rng: Generator) -> list[Points]:
    """The strokes `(n, 2)` of a random form of a digit, in a box of side 1, its points moved."""
    forms = FORMS[digit]
    return curves(forms[rng.integers(len(forms))], rng)


def curves(form: str, rng: Generator) -> list[Points]:
    """The strokes `(n, 2)` of a form as in FORMS, its points moved at random; its height is 1."""
    found = []
    for stroke in form.split(";"):
        points = np.array([pair.split(",") for pair in stroke.split()], np.float64) / 100
        found.append(_spline(points + rng.normal(0, MOVED, points.shape)))
    return found


def _spline(points: Points) -> Points:
    """The points `(m, 2)` of a spline through points `(n, 2)`."""
    lengths = np.maximum(np.hypot(*np.diff(points, axis=0).T), 1e-3)  # a spline needs progress
    along = np.cumsum([0, *lengths])
    steps = np.linspace(0, along[-1], SMOOTHNESS * (len(points) - 1) + 1)
    return np.asarray(make_interp_spline(along, points, min(3, len(points) - 1))(steps))


def _drawn(digit: int, rng: Generator) -> Pixels:
    """The image `(1, 28, 28)` in 0..255 of a random form of a digit, varied."""
    return strokes.render(strokes.vary(written(digit, rng), rng), strokes.pen_width(rng))


def _printed(digit: int, rng: Generator) -> Pixels:
    """The image `(1, 28, 28)` in 0..255 of a digit of a font."""
    fonts = glyphs(str(digit))
    return np.rint(to_image(printed(*fonts[rng.integers(len(fonts))])) * 255).astype(np.uint8)


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
