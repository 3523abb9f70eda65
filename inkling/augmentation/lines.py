"""Made lines of handwriting: the digits and signs of a real writer, set side by side as a number.

Where a person writes a number, the digits touch or stand far apart, the baseline drifts, some are
small or raised. Lines are set from pen strokes, in heights of a digit: the top of a digit is at
y = 0, its baseline at y = 1. Others are set from images of MNIST's digits.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inkling.augmentation import handwriting, strokes, texts
from inkling.augmentation.lined_paper import Papers
from inkling.augmentation.strokes import Pixels, Points
from inkling.data import Item
from inkling.ink import lines
from inkling.ink.lines import Grey

# Of a sign, in heights of a digit: its longer side, and where its middle lies
PLACES = {
    ".": ((0.01, 0.14), (0.9, 1.06)),
    ",": ((0.14, 0.42), (0.95, 1.2)),
    "-": ((0.25, 0.95), (0.3, 0.72)),
    "/": ((1.0, 1.7), (0.4, 0.6)),
    ":": ((0.3, 0.75), (0.45, 0.75)),
    "+": ((0.4, 0.9), (0.4, 0.65)),
    "(": ((1.0, 1.6), (0.45, 0.6)),
    ")": ((1.0, 1.6), (0.45, 0.6)),
    "%": ((0.7, 1.2), (0.4, 0.6)),
    "$": ((1.0, 1.45), (0.45, 0.6)),
    "€": ((0.8, 1.15), (0.45, 0.6)),
    "=": ((0.35, 0.85), (0.4, 0.65)),
    texts.UNKNOWN: ((0.6, 1.3), (0.4, 0.7)),
}
FORMS = {  # of signs that few data sets hold, as handwriting.FORMS has digits
    ".": ("0,0 1,1", "0,0 60,100", "0,0 100,20", "50,0 0,50 50,100 100,50 50,0"),
    ",": ("60,0 0,100", "70,0 80,40 0,100", "50,0 55,50 0,100"),
    "-": ("0,0 100,0", "0,8 100,0", "0,0 100,8", "0,6 40,0 70,8 100,2"),
    ":": ("50,0 51,4; 50,96 51,100", "50,0 55,8; 46,92 50,100"),
    "=": ("0,0 100,0; 0,40 100,40", "0,0 100,4; 4,30 96,36"),
    "€": (
        "90,12 55,0 20,25 10,50 20,80 55,100 90,88; 0,40 65,38; 0,60 60,58",
        "95,10 50,4 18,50 50,98 95,90; 0,42 70,40; 2,58 66,56",
    ),
    "+": ("50,0 50,100; 0,50 100,50", "0,52 100,48; 52,0 48,100"),
    "/": ("100,0 0,100", "70,0 0,100", "50,0 0,100"),
    "(": ("60,0 20,30 20,70 60,100", "40,0 10,50 40,100"),
    ")": ("20,0 60,30 60,70 20,100", "10,0 40,50 10,100"),
    "%": ("20,0 0,15 15,30 35,18 20,0; 90,0 10,100; 80,70 60,85 75,100 95,88 80,70",),
    "$": ("85,22 50,10 18,25 30,45 75,58 85,75 50,90 12,80; 50,0 50,100",),
    texts.UNKNOWN: (
        "0,100 40,0 80,100; 18,60 64,60",
        "0,100 0,20 40,70 80,20 80,100",
        "0,0 0,100; 0,50 60,0; 0,50 70,100",
        "0,0 0,100; 70,0 70,100; 0,50 70,50",
        "0,0 40,100 80,0 120,100",
        "0,60 20,20 40,80 60,10 80,90 100,30 120,70 140,20",
    ),
}
SMALL = frozenset(".,-:=")  # signs that must not vanish in the ink of a neighbour
CLEAR = 0.1  # heights, between these and other ink
BANDS = 12  # across a line, in which the distance between two characters is measured
BAND_TOP, BAND_HEIGHT = -0.4, 0.17  # heights
STEP = 0.06  # heights, between the points of a stroke
USUAL_PEN = 0.0  # stands for the width with which a reader draws strokes
PENS = (0.04, 0.17)  # heights of a digit; others
WIDTHS = (1.2, 4.2)  # pixels, of any stroke
JOINED = 0.05  # share of the lines in which two strokes are joined, perhaps of two characters
RAISED = 0.3  # share of the points that do not stand on the baseline
SMALL_ZEROS = 0.08  # share of the zeros that are small, low or raised
PIXELS = 40  # of a digit's height, when a line is set from images
IMAGE_PENS = (0.09, 0.14)  # heights of a digit: MNIST's own
COUNTS = 0.85  # share of the lines set from images that are digits alone
FLATTEST_INK = 8  # pixels of PIXELS; flatter ink, as a dash alone, does not fill a line
INKED = 96  # of 255, of a pixel of ink
# How often a line is made of strokes, real as a whole, of images, or not only of a number
SHARES = {"strokes": 0.56, "real": 0.05, "images": 0.34, "foreign": 0.05}

# Share of the digits drawn as one of handwriting.FORMS: an upstroke on a 1, a loop in a 2 are rare
FROM_FORMS = {"1": 0.2, "2": 0.25} | dict.fromkeys("03456789", 0.1)
FORM_WRITERS = 120
FORMS_ALONE = 0.15  # share of the lines of a writer whose every digit is such a form
OTHERS = 0.12  # share of the characters taken from another writer
VARIED = 0.85  # share of the characters that are varied by strokes.vary


@dataclass(frozen=True, eq=False)
class Glyph:
    """One character, its longer side 1 and its middle at 0; a digit's height is 1 instead."""

    character: str
    points: Points  # (n, 2): all strokes, one after the other, STEP apart
    ends: tuple[int, ...]  # where each stroke ends among the points


Alphabet = dict[str, list[Glyph]]  # by character


def glyph(character: str, drawn: Sequence[Points]) -> Glyph:
    """The glyph of a character's strokes, in any unit."""
    points = np.concatenate(drawn)
    low, high = points.min(0), points.max(0)
    width, height = high - low
    side = max(width, height)
    if character in texts.DIGITS:
        side = max(height, width / 1.4)
    scale, middle = 1 / max(float(side), 1e-9), (low + high) / 2
    parts = [strokes.resampled((stroke - middle) * scale, STEP) for stroke in drawn]
    ends = np.cumsum([len(part) for part in parts])
    return Glyph(character, np.concatenate(parts), tuple(ends.tolist()))


@dataclass(frozen=True, eq=False)
class Writers:
    """Whose characters lines are set from."""

    alphabets: list[Alphabet]  # of each writer
    weights: NDArray[np.float64]  # how often each one writes, sum 1
    forms: list[Alphabet]  # of writers who keep to one form of each digit
    shared: Alphabet  # of all writers together


def writers(digits: Iterable[Item], others: Iterable[Item], rng: Generator) -> Writers:
    """The writers of these items, each glyph varied at random.

    `others` are letters and signs; those that no number holds are UNKNOWN. A writer of n items
    writes in proportion to the square root of n.
    """
    found: defaultdict[str, Alphabet] = defaultdict(lambda: defaultdict(list))
    shared: Alphabet = defaultdict(list)
    known = {*texts.SIGNS, *texts.DIGITS}
    for item in (*digits, *others):
        character = item.label if item.label in known else texts.UNKNOWN
        drawn: Sequence[Points] = item.strokes
        if rng.random() < VARIED:
            drawn = strokes.vary(drawn, rng)
        one = glyph(character, drawn)
        found[item.writer][character].append(one)
        shared[character].append(one)
    for character, known_forms in FORMS.items():
        shared[character] += [
            glyph(character, handwriting.curves(form, rng))
            for form in known_forms
            for _ in range(20)
        ]
    whole = [of for of in found.values() if sum(c in of for c in texts.DIGITS) >= 8]
    weights = np.sqrt([float(sum(map(len, of.values()))) for of in whole])
    forms = [alphabet_of_forms(rng) for _ in range(FORM_WRITERS)]
    return Writers(whole, weights / max(weights.sum(), 1), forms, shared)


def alphabet_of_forms(rng: Generator) -> Alphabet:
    """The digits of a writer who keeps to one form of each, from handwriting.FORMS."""
    found: Alphabet = {}
    for digit in range(10):
        forms = handwriting.FORMS[digit]
        form = forms[rng.integers(len(forms))]
        found[str(digit)] = [glyph(str(digit), strokes.vary(handwriting.curves(form, rng), rng))]
    return found


def compose(text: str, by: Writers, rng: Generator) -> tuple[list[Points], float]:
    """The strokes `(n, 2)` of a line with that text, in heights of a digit, and its pen's width.

    One writer writes it. What that writer's alphabet lacks is taken from another's.
    """
    if rng.random() < FORMS_ALONE or not by.alphabets:
        alphabet = by.forms[rng.integers(len(by.forms))]
    else:
        alphabet = by.alphabets[rng.choice(len(by.alphabets), p=by.weights)]
    spread = _Spread.draw(rng)
    glyphs = [_pick(character, alphabet, by, rng) for character in text]
    bent = _bent(_placed(glyphs, spread, rng), spread, rng)
    drawn = [
        part
        for one, points in zip(glyphs, bent, strict=True)
        for part in np.split(points, one.ends[:-1])
    ]
    if rng.random() < JOINED:
        drawn = strokes.joined(drawn, rng)
    return drawn, spread.pen


def _placed(glyphs: Sequence[Glyph], spread: "_Spread", rng: Generator) -> list[Points]:
    """The points of each glyph in its place on a line."""
    placed: list[Points] = []
    reached = np.full(BANDS, -np.inf)  # to the right, in each band
    cursor = 0.0
    for index, one in enumerate(glyphs):
        points = _sized(one, spread, rng, first=not index)
        left, right = _sides(points)
        start = float(points[:, 0].min())
        if not index:
            shift = -start
        else:
            ink, box = float((reached - left).max()), cursor - start  # where each would touch
            close = ink if np.isfinite(ink) else box
            shift = spread.kerning * close + (1 - spread.kerning) * box
            shift += rng.normal(spread.gap, spread.unevenness)
            small = one.character in SMALL or glyphs[index - 1].character in SMALL
            shift = max(shift, close + (CLEAR if small else spread.overlap))
            if spread.pitch:  # a cell for each character
                shift = max(shift, index * spread.pitch - float(points[:, 0].mean()))
        points[:, 0] += shift
        cursor = max(cursor, float(points[:, 0].max()))
        reached = np.maximum(reached, right + shift)
        placed.append(points)
    return placed


@dataclass(frozen=True, eq=False)
class Made:
    """A line, and what it says."""

    pixels: Pixels  # (HEIGHT, W) in 0..255, ink high
    text: str


@dataclass(frozen=True, eq=False)
class Sources:
    """What lines are made of."""

    digits: Sequence[Item]
    others: Sequence[Item]  # letters and signs
    numbers: Sequence[Item]  # whole numbers, as people wrote them
    pixels: Pixels  # (N, 1, 28, 28): digits of MNIST
    labels: NDArray[np.integer]  # (N,)


def make(
    sources: Sources,
    number: int,
    on_paper: float,
    rng: Generator,
    shares: Mapping[str, float] = SHARES,
) -> list[Made]:
    """That number of lines; a share of them look as if written on paper and photographed.

    `shares` says how often a line is of each kind; see SHARES.
    """
    by, papers = writers(sources.digits, sources.others, rng), Papers(rng)
    of_label = [np.flatnonzero(sources.labels == digit) for digit in range(10)]
    found = []
    for kind in rng.choice(list(shares), number, p=list(shares.values())):
        if kind == "real" and sources.numbers:
            item = sources.numbers[int(rng.integers(len(sources.numbers)))]
            text, image = item.label, _drawn(_as_others(item.strokes, rng), _pen(rng), rng)
        elif kind == "images":
            # mostly digits alone: among digits of many writers, a 1 that leans is like a slash
            text = texts.count(rng) if rng.random() < COUNTS else texts.make(rng)
            image = set_from_images(text, by, sources.pixels, of_label, rng)
        else:
            text = foreign(rng) if kind == "foreign" else texts.make(rng)
            image = _drawn(*compose(text, by, rng), rng)
        if rng.random() < on_paper:
            image = papers.write(image, rng)
        found.append(Made(np.rint(image * 255).astype(np.uint8), text))
    return found


def foreign(rng: Generator) -> str:
    """A text in which there is ink that is no character of a number."""
    choices = [*[texts.UNKNOWN] * 12, *texts.DIGITS, "."]
    number = int(rng.integers(1, 7))
    text = "".join(choices[index] for index in rng.integers(len(choices), size=number))
    return text if texts.UNKNOWN in text else texts.UNKNOWN + text[1:]


@dataclass(frozen=True)
class _Spread:
    """How one line is written, in heights of a digit."""

    gap: float
    unevenness: float  # of the gaps
    overlap: float  # least distance of the ink of two digits; below 0, they may cross
    kerning: float  # share of the distance that is measured between the ink, not the boxes
    pitch: float  # of cells; 0 where there are none
    size: float  # standard deviation of the log of a character's size
    lift: float  # standard deviation of a character's place
    slant: float
    slope: float
    wave: float
    width: float  # of each character, times its own
    pen: float

    @classmethod
    def draw(cls, rng: Generator) -> "_Spread":
        kind = rng.random()
        if kind < 0.3:
            gap, unevenness = rng.uniform(-0.04, 0.1), 0.04
        elif kind < 0.75:
            gap, unevenness = rng.uniform(0.08, 0.3), 0.06
        else:
            gap, unevenness = rng.uniform(0.25, 1.0), 0.12
        touching = rng.random() < 0.2
        return cls(
            gap=gap - (0.12 if touching else 0),
            unevenness=unevenness,
            overlap=-0.12 if touching else 0.05,
            kerning=float(rng.choice([0.0, 0.5, 1.0], p=[0.3, 0.5, 0.2])),
            pitch=rng.uniform(1.0, 1.6) if rng.random() < 0.06 else 0.0,
            size=0.18 if rng.random() < 0.15 else rng.uniform(0.02, 0.1),
            lift=0.12 if rng.random() < 0.15 else rng.uniform(0.0, 0.06),
            slant=rng.normal(0, 0.15),
            slope=math.tan(math.radians(float(np.clip(rng.normal(0, 2), -6, 6)))),
            wave=rng.uniform(0, 0.08) if rng.random() < 0.3 else 0.0,
            width=math.exp(rng.normal(0, 0.13)),
            pen=_pen(rng),
        )


def _pick(character: str, alphabet: Alphabet, by: Writers, rng: Generator) -> Glyph:
    """A glyph of the writer; a form, or another's, where the writer has none, or at random."""
    form = by.forms[rng.integers(len(by.forms))].get(character, [])
    own = alphabet.get(character)
    if rng.random() < FROM_FORMS.get(character, 0):
        own = form
    elif not own or rng.random() < OTHERS:
        own = by.shared[character] or form
    return own[rng.integers(len(own))]


def _sized(one: Glyph, spread: _Spread, rng: Generator, first: bool) -> Points:
    """The points of a glyph in its size, at its height on the line; its middle is at x = 0."""
    size = math.exp(rng.normal(0, spread.size))
    middle = 0.5
    if place := PLACES.get(one.character):
        (small, large), (high, low) = place
        size *= rng.uniform(small, large)
        if one.character == "." and rng.random() < RAISED:
            high = 0.3
        middle = rng.uniform(high, low)
    elif not first and one.character == "0" and rng.random() < SMALL_ZEROS:  # as in 1ooo
        size *= rng.uniform(0.45, 0.7)
        middle = rng.uniform(0.3, 0.75)
    points = one.points * size
    points[:, 0] *= spread.width
    points[:, 1] += middle + rng.normal(0, spread.lift)
    return points


def _sides(points: Points) -> tuple[Points, Points]:
    """How far ink goes to the left and to the right in each band, infinite where there is none."""
    band = ((points[:, 1] - BAND_TOP) / BAND_HEIGHT).astype(np.intp).clip(0, BANDS - 1)
    left, right = np.full(BANDS, np.inf), np.full(BANDS, -np.inf)
    np.minimum.at(left, band, points[:, 0])
    np.maximum.at(right, band, points[:, 0])
    # ink in the bands beside counts as well: characters do not slide under each other
    left = np.minimum(left, np.minimum(np.append(left[1:], np.inf), np.append(np.inf, left[:-1])))
    return left, right


def _bent(placed: Sequence[Points], spread: _Spread, rng: Generator) -> list[Points]:
    """The line slanted, sloped and waved."""
    phase = rng.uniform(0, 2 * math.pi)
    found = []
    for points in placed:
        x, y = points.T
        down = y + spread.slope * x + spread.wave * np.sin(x * 1.2 + phase)
        found.append(np.stack([x + spread.slant * (1 - y), down], 1))
    return found


def _pen(rng: Generator) -> float:
    """A random width of strokes, in heights of a digit; often the one that a reader gives."""
    return USUAL_PEN if rng.random() < 0.4 else math.exp(rng.uniform(*np.log(PENS)))


def _drawn(drawn: Sequence[Points], pen: float, rng: Generator) -> Grey:
    """The image `(HEIGHT, W)` of strokes, often a little larger, smaller or higher than a reader's.

    A reader does not always find where the ink of a picture begins.
    """
    height = float(np.ptp(np.concatenate(drawn)[:, 1]))
    scale = (lines.HEIGHT - 2 * lines.MARGIN) / max(height, 1e-6)
    usual = pen == USUAL_PEN
    image, *_ = lines.draw(drawn, lines.PEN if usual else float(np.clip(pen * scale, *WIDTHS)))
    if rng.random() < 0.4:
        return image
    return fitted(image, rng.uniform(0.82, 1.12), rng.uniform(-2, 2))


def fitted(image: Grey, scale: float, down: float) -> Grey:
    """The image `(HEIGHT, W)` of a line `(h, w)` of ink, scaled, and moved down by some pixels."""
    size = max(8, round(image.shape[1] * scale)), max(4, round(image.shape[0] * scale))
    small = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    sheet = Image.new("F", (size[0], lines.HEIGHT))
    sheet.paste(small, (0, round((lines.HEIGHT - size[1]) / 2 + down)))
    return np.asarray(sheet)


def _as_others(drawn: Sequence[Points], rng: Generator) -> list[Points]:
    """A whole number, wider or narrower, slanted and sloped; its height is 1."""
    height = max(float(np.ptp(np.concatenate(drawn)[:, 1])), 1e-9)
    width, slant, slope = math.exp(rng.normal(0, 0.12)), rng.normal(0, 0.12), rng.normal(0, 0.03)
    matrix = np.array([[width, slant], [slope, 1]])
    return [strokes.resampled(stroke / height, STEP) @ matrix.T for stroke in drawn]


def set_from_images(
    text: str, by: Writers, pixels: Pixels, of_label: Sequence[NDArray[np.intp]], rng: Generator
) -> Grey:
    """The image `(HEIGHT, W)` of a line whose digits are images of MNIST; its signs are drawn."""
    spread = _Spread.draw(rng)
    glyphs: list[Glyph] = []
    inks: list[Image.Image | None] = []  # None of a sign
    for character in text:
        if character in texts.DIGITS:
            chosen = of_label[int(character)]
            ink = _tight(pixels[chosen[rng.integers(len(chosen))], 0])
            centres = np.argwhere(ink > INKED)[:, ::-1] + 0.5  # x and y
            middle, height = (ink.shape[1] / 2, ink.shape[0] / 2), len(ink)
            glyphs.append(Glyph(character, (centres - middle) / height, ()))
            inks.append(Image.fromarray(ink))
        else:
            glyphs.append(_pick(character, {}, by, rng))
            inks.append(None)
    placed = _placed(glyphs, spread, rng)
    for points in placed:
        points[:, 1] += spread.slope * points[:, 0].mean()
    low, high = np.concatenate(placed).min(0), np.concatenate(placed).max(0)
    size = np.ceil((high - low + 1) * PIXELS).astype(int).tolist()
    canvas, pen = Image.new("L", tuple(size)), rng.uniform(*IMAGE_PENS)
    pencil = ImageDraw.Draw(canvas)
    for one, points, mask in zip(glyphs, placed, inks, strict=True):
        points = (points - low + 0.5) * PIXELS
        if mask is None:
            for part in np.split(points, one.ends[:-1]):
                pencil.line(part.ravel().tolist(), fill=255, width=round(pen * PIXELS))
                x, y = part[0]
                reach = pen * PIXELS / 2
                pencil.ellipse([x - reach, y - reach, x + reach, y + reach], fill=255)
        else:
            left, top = points.min(0)
            box = np.maximum(np.rint(np.ptp(points, 0)), 1).astype(int).tolist()
            canvas.paste(255, (round(left), round(top)), mask.resize(box))
    ink = _tight(np.asarray(canvas)).astype(np.float32) / np.float32(255)
    usual = (lines.HEIGHT - 2 * lines.MARGIN) / max(len(ink), FLATTEST_INK)
    image = fitted(ink, usual * math.exp(rng.normal(0, 0.06)), rng.normal(0, 0.7))
    return np.pad(image, ((0, 0), (lines.SIDE_MARGIN, lines.SIDE_MARGIN)))


def side_by_side(images: Sequence[NDArray[np.uint8]], gap: float) -> Pixels:
    """The line `(HEIGHT, W)` in 0..255 of images `(28, 28)` in a row, `gap` heights between them.

    Where the gap is below 0, they touch or overlap.
    """
    inks = [_tight(image) for image in images]
    high = max(len(ink) for ink in inks)
    sheet = np.zeros((high, sum(ink.shape[1] for ink in inks) + len(inks) * high), np.uint8)
    left = 0
    for ink in inks:
        top = (high - len(ink)) // 2
        place = sheet[top : top + len(ink), left : left + ink.shape[1]]
        np.maximum(place, ink, out=place)
        left = max(left + ink.shape[1] + round(gap * high), 0)
    ink = _tight(sheet).astype(np.float32) / np.float32(255)
    line = fitted(ink, (lines.HEIGHT - 2 * lines.MARGIN) / len(ink), 0)
    line = np.pad(line, ((0, 0), (lines.SIDE_MARGIN, lines.SIDE_MARGIN)))
    return np.rint(line * 255).astype(np.uint8)


def _tight(ink: NDArray[Any]) -> NDArray[Any]:
    """Ink `(h, w)` without its margins."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
