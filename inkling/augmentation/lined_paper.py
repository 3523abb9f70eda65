"""Line images as they come from a scan or a photograph: on paper, printed patterns, in boxes.

`ink.lines.find` evens the light of a picture and gives its ink the value 1. What is left of paper,
print and camera is made here at the height of a line image, so that a training can make a line in
a fraction of a millisecond. Textures are made once; each line takes random parts of them.
"""

import io
import math
from collections.abc import Callable
from string import ascii_letters

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy import ndimage

from inkling.ink.lines import HEIGHT, MAX_WIDTH

TALL, LONG = 96, MAX_WIDTH + 448  # pixels of a texture
MAX_CLUTTER = 0.75  # of the ink's darkness, of what is printed; what is as dark hides digits

Grey = NDArray[np.float32]


class Papers:
    """Sheets of paper and printed patterns, made once, on which lines are written."""

    def __init__(self, rng: Generator, count: int = 64) -> None:
        makers = (*PATTERNS,)
        self.patterns = [_bytes(makers[k % len(makers)](rng)) for k in range(count)]
        self.stamps = [_bytes(_stamps(rng)) for _ in range(max(1, count // 16))]
        self.clouds = [_bytes(_clouds(rng)) for _ in range(max(2, count // 16))]
        self.grain = [
            rng.normal(0, 1, (TALL, LONG)).astype(np.float32),
            _unit(ndimage.gaussian_filter(rng.normal(0, 1, (TALL, LONG)), 0.8)),
            _unit(ndimage.gaussian_filter(rng.normal(0, 1, (TALL, LONG)), (0.5, 2.5))),
        ]

    def write(self, line: Grey, rng: Generator) -> Grey:
        """A line image `(HEIGHT, W)` as if written on paper, then found in a picture of it.

        Every effect occurs at random, from faint to strong.
        """
        chance = rng.random(16)
        ink = self._pen(line, rng)
        if chance[0] < 0.22:
            ink = _smaller(ink, rng)
        if chance[1] < 0.06:
            ink = np.maximum(ink, _neighbours(ink, rng))
        if chance[2] < 0.08:
            ink = _cut(ink, rng)
        under = np.zeros_like(ink)
        if chance[3] < 0.5:
            under = self._printed(ink.shape[1], rng)
        if chance[4] < 0.25:
            _over(under, _rules(ink, rng))
        if chance[5] < 0.15:
            _over(under, _boxes(ink, rng))
        if chance[6] < 0.06:
            _over(under, self._part(self.stamps, ink.shape[1], rng) * rng.uniform(0.2, 0.9))
        if chance[7] < 0.2:
            under = _edged(under, rng)
        if under.any():
            ink = 1 - (1 - ink) * (1 - under) if chance[8] < 0.7 else np.maximum(ink, under)
        return self._seen(ink, rng)

    def _pen(self, line: Grey, rng: Generator) -> Grey:
        """The ink of a line by another pen: pencil, ballpoint, marker, an old copy."""
        chance, ink = rng.random(6), line
        if chance[0] < 0.2:
            wider = ndimage.maximum_filter(ink, (3, 3))
            ink = ink + rng.uniform(0.1, 0.9) * (wider - ink)
        elif chance[0] < 0.35:
            thinner = ndimage.minimum_filter(ink, (2, 2))
            if thinner.sum() > 0.45 * ink.sum():  # a hair would break
                ink = ink + rng.uniform(0.2, 0.9) * (thinner - ink)
        if chance[1] < 0.3:  # paper that shows through a pencil
            grain = self.grain[rng.integers(3)]
            ink = ink * np.clip(1 - rng.uniform(0.05, 0.4) * _part(grain, ink.shape[1], rng), 0, 1)
        if chance[2] < 0.3:  # pressure, or a pen that runs dry
            ink = ink * (1 - rng.uniform(0.1, 0.65) * self._part(self.clouds, ink.shape[1], rng))
        if chance[3] < 0.07:  # short gaps
            for _ in range(int(rng.integers(1, 5))):
                x, y = int(rng.integers(ink.shape[1])), int(rng.integers(HEIGHT))
                ink = ink.copy()
                ink[y : y + 2, x : x + 2] *= rng.uniform(0, 0.5)
        if chance[4] < 0.15:  # ink that bleeds into paper
            ink = np.minimum(ink + rng.uniform(0.2, 0.6) * _blurred(ink, rng.uniform(0.6, 1.5)), 1)
        strong = ink[ink > 0.5 * ink.max()]
        return np.minimum(ink / strong.mean(), 1) if len(strong) else ink

    def _printed(self, wide: int, rng: Generator) -> Grey:
        """One or two printed patterns `(HEIGHT, wide)`."""
        strength = MAX_CLUTTER * rng.random() ** 1.5
        found = self._part(self.patterns, wide, rng) * np.float32(strength)
        if rng.random() < 0.3:
            _over(found, self._part(self.patterns, wide, rng) * np.float32(0.6 * rng.random()))
        if rng.random() < 0.15:  # a pattern that fades
            found *= self._part(self.clouds, wide, rng)
        if rng.random() < 0.1:  # light on a tinted ground
            found = np.float32(strength) - found
        return found

    def _part(self, bank: list[NDArray[np.uint8]], wide: int, rng: Generator) -> Grey:
        return _part(bank[rng.integers(len(bank))], wide, rng) * np.float32(1 / 255)

    def _seen(self, seen: Grey, rng: Generator) -> Grey:
        """What a camera or scanner gives, normalised again."""
        chance, wide = rng.random(8), seen.shape[1]
        if chance[0] < 0.25:  # light that was not evened
            cloud = self._part(self.clouds, wide, rng)
            seen = seen + np.float32(rng.uniform(-0.25, 0.3)) * cloud
        if chance[1] < 0.35:
            seen = _blurred(seen, rng.uniform(0.3, 1.3))
        elif chance[1] < 0.5:  # few pixels
            seen = _coarse(seen, rng.uniform(0.4, 0.9))
        if chance[2] < 0.6:
            noise = _part(self.grain[rng.integers(3)], wide, rng)
            seen = seen + np.float32(0.2 * rng.random() ** 2) * noise
        if chance[3] < 0.1:
            seen = _jpeg(seen, int(rng.integers(12, 60)))
        floor = rng.uniform(0, 0.2) if chance[4] < 0.7 else 0.0
        seen = (seen - np.float32(floor)) * np.float32(rng.uniform(0.85, 1.15) / (1 - floor))
        seen = np.clip(seen, 0, 1)
        if chance[5] < 0.3:
            seen **= np.float32(math.exp(rng.uniform(-0.5, 0.5)))
        return seen


def _bytes(texture: Grey) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(texture, 0, 1) * 255), np.uint8)


def _unit(noise: NDArray[np.floating]) -> Grey:
    return np.asarray(noise / noise.std(), np.float32)


def _part(texture: NDArray[np.generic], wide: int, rng: Generator) -> Grey:
    """A random part `(HEIGHT, wide)` of a texture, perhaps mirrored."""
    top, left, flip = (int(rng.integers(n)) for n in (TALL - HEIGHT + 1, LONG - wide + 1, 4))
    part = texture[top : top + HEIGHT, left : left + wide]
    return np.asarray(part[:: -1 if flip & 1 else 1, :: -1 if flip & 2 else 1], np.float32)


def _over(under: Grey, print_: Grey) -> None:
    """Add print to paper in place: two prints are darker than one."""
    under += print_ * (1 - under)


def _blurred(grey: Grey, sigma: float) -> Grey:
    """Blurred by a Gaussian of `sigma` pixels, near enough: a short kernel, both ways."""
    beside = math.exp(-1 / (2 * sigma * sigma))
    beyond = math.exp(-4 / (2 * sigma * sigma))
    kernel = np.array([beyond, beside, 1, beside, beyond], np.float32)
    kernel /= kernel.sum()
    for axis in (0, 1):
        grey = ndimage.correlate1d(grey, kernel, axis, mode="nearest")
    return grey


def _coarse(grey: Grey, scale: float) -> Grey:
    """As from a picture of fewer pixels."""
    image, method = Image.fromarray(grey), Image.Resampling
    small = (max(1, round(image.width * scale)), max(8, round(HEIGHT * scale)))
    return np.asarray(image.resize(small, method.BOX).resize(image.size, method.BILINEAR))


def _jpeg(grey: Grey, quality: int) -> Grey:
    file = io.BytesIO()
    pixels = np.asarray(235 - np.clip(grey, -0.08, 1.1) * 200, np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray((235.0 - np.asarray(Image.open(file))) / 200, np.float32)


def _smaller(ink: Grey, rng: Generator) -> Grey:
    """Smaller than the line is high, as where other ink was taken for a part of it."""
    scale, image = rng.uniform(0.6, 1), Image.fromarray(ink)
    size = max(8, round(ink.shape[1] * scale)), max(8, round(HEIGHT * scale))
    top, left = (int(rng.integers(n)) for n in (HEIGHT - size[1] + 1, ink.shape[1] - size[0] + 1))
    found = np.zeros_like(ink)
    part = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    found[top : top + size[1], left : left + size[0]] = part
    return found


def _neighbours(ink: Grey, rng: Generator) -> Grey:
    """What enters from the rows above and below: tips of this line's own forms, elsewhere."""
    found, most = np.zeros_like(ink), int(rng.integers(3, 8))
    shift = int(rng.integers(ink.shape[1]))
    if rng.random() < 0.6:
        found[: most - 2] = np.roll(ink[-most - 1 : -3], shift, 1)
    else:
        found[2 - most :] = np.roll(ink[3 : most + 1], shift, 1)
    return found


def _cut(ink: Grey, rng: Generator) -> Grey:
    """Without a little of its ink at one side, where the picture ends."""
    found, reach, axis = ink.copy(), int(rng.integers(1, 4)), int(rng.integers(2))
    (inked,) = np.nonzero(ink.max(1 - axis) > 0.3)
    if len(inked):
        first, last = slice(inked[0] + reach), slice(inked[-1] + 1 - reach, None)
        np.moveaxis(found, axis, 0)[first if rng.random() < 0.5 else last] = 0
    return found


def _edged(under: Grey, rng: Generator) -> Grey:
    """Paper that ends within the image, on some sides."""
    top, bottom, left, right = rng.integers(0, 4, 4) * (rng.random(4) < 0.6)
    found = np.zeros_like(under)
    place = np.s_[top : HEIGHT - bottom, left : under.shape[1] - right]
    found[place] = under[place]
    return found


def _rules(ink: Grey, rng: Generator) -> Grey:
    """Ruled lines across the image: one, or as many as a pitch gives, perhaps squares.

    They may lean, and be as dark as the ink.
    """
    wide = ink.shape[1]
    x, y = np.arange(wide, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)[:, None]
    lean = np.float32(rng.normal(0, 0.02))
    width, dark = rng.uniform(0.3, 2), rng.uniform(0.1, 1)
    pitch = HEIGHT * math.exp(rng.uniform(-1.4, 0.5))
    first = rng.uniform(0, pitch)
    if rng.random() < 0.4:  # the line that is written on
        first, pitch = rng.uniform(HEIGHT - 9, HEIGHT - 1), 2.0 * HEIGHT
    found = np.zeros_like(ink)
    for at in np.arange(first, HEIGHT + 2, pitch):
        _over(found, dark * _stripe(y - at - lean * (x - wide / 2), width))
    if pitch < 1.5 * HEIGHT and rng.random() < 0.5:
        for at in np.arange(rng.uniform(0, pitch), wide, pitch):
            _over(found, dark * _stripe(x - at + lean * y, width))
    if rng.random() < 0.15:  # dotted
        period = int(rng.integers(2, 9))
        found *= np.arange(wide) % period < max(1, period // 2)
    return found


def _stripe(away: Grey, width: float) -> Grey:
    """How much of each pixel a stripe covers whose middle is `away` pixels from it."""
    cover = np.clip((width + 1) / 2 - np.abs(away), 0, 1) * min(width, 1.0)
    return np.asarray(cover, np.float32)


def _boxes(ink: Grey, rng: Generator) -> Grey:
    """A frame around the number, or cells around its characters: combs, boxes, double frames."""
    wide = ink.shape[1]
    x, y = np.arange(wide, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)
    width, dark = rng.uniform(0.5, 1.8), rng.uniform(0.15, 0.9)
    top, bottom = rng.uniform(-2, 3), HEIGHT - 1 - rng.uniform(-2, 3)
    left, right = rng.uniform(0, 4), wide - 1 - rng.uniform(0, 4)
    across, down = [left, right], [top, bottom]
    if rng.random() < 0.6:
        across = _between(ink, rng) or across
    if rng.random() < 0.3:  # a comb
        down, top = [bottom], bottom - rng.uniform(4, 14)
    if rng.random() < 0.2:  # double
        across, down = (each + [at + 2 * width + 1 for at in each] for each in (across, down))
    found = np.zeros_like(ink)
    inside = (y[:, None] >= top) & (y[:, None] <= bottom)
    for at in across:
        _over(found, dark * _stripe(x - at, width) * inside)
    for at in down:
        _over(found, dark * _stripe(y[:, None] - at, width) * ((x >= left) & (x <= right)))
    return found


def _between(ink: Grey, rng: Generator) -> list[float]:
    """The columns between characters, where there are gaps; else some at a regular pitch."""
    empty = ink.max(0) < 0.2
    edges = np.flatnonzero(np.diff(empty.astype(np.int8)))
    if len(edges) > 3 and rng.random() < 0.8:
        gaps = edges[1:-1].reshape(-1, 2) if len(edges) % 2 == 0 else edges[1:].reshape(-1, 2)
        shift = rng.uniform(0.2, 0.8)
        return [float(a + shift * (b - a)) for a, b in gaps]
    pitch = rng.uniform(14, 40)
    return [float(at) for at in np.arange(rng.uniform(0, pitch), len(empty), pitch)]


# Textures, each (TALL, LONG) in [0, 1]


def _plane() -> tuple[Grey, Grey]:
    y, x = np.indices((TALL, LONG), np.float32)
    return x, y


def _log(rng: Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _lines_of(phase: NDArray[np.floating], pitch: float, width: float) -> Grey:
    """Lines where a phase is a whole number; the pitch and the width are in pixels."""
    return _stripe(np.asarray((phase - np.rint(phase)) * pitch, np.float32), width)


def _wavy(rng: Generator) -> Grey:
    """Guilloche: bands of lines that follow sums of sine waves."""
    (x, y), found = _plane(), np.zeros((TALL, LONG), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        pitch, wave = _log(rng, 2.2, 14), np.zeros_like(x[0])
        for _ in range(int(rng.integers(1, 4))):
            length = _log(rng, 10, 200)
            wave += (
                rng.uniform(0.02, 0.14)
                * length
                * np.sin(2 * np.pi * x[0] / length + rng.uniform(0, 6.3))
            )
        squeeze = 1 + 0.3 * rng.random() * np.sin(2 * np.pi * x / _log(rng, 40, 300))
        phase = (y * squeeze + wave + rng.uniform(-0.2, 0.2) * x) / pitch
        _over(found, _lines_of(phase, pitch, pitch * rng.uniform(0.08, 0.45)))
    return found


def _rosettes(rng: Generator) -> Grey:
    """Rosettes: rings whose radius swings around them, side by side."""
    x, y = _plane()
    apart = rng.uniform(30, 160)
    middle = rng.uniform(0, TALL)
    u, v = (x + rng.uniform(0, apart)) % apart - apart / 2, y - middle
    if rng.random() < 0.5:
        v = (v + apart / 2) % apart - apart / 2
    radius, turn = np.hypot(u, v), np.arctan2(v, u)
    found, petals = np.zeros((TALL, LONG), np.float32), int(rng.integers(4, 24))
    for sign in (1, -1)[: int(rng.integers(1, 3))]:
        pitch = _log(rng, 2.5, 10)
        swing = sign * rng.uniform(0.5, 3) * np.sin(petals * turn)
        phase = (radius + swing * radius / apart * 4) / pitch + sign * turn / (2 * np.pi)
        _over(found, _lines_of(phase, pitch, pitch * rng.uniform(0.1, 0.4)))
    return np.asarray(found * (radius < apart * rng.uniform(0.4, 0.8)), np.float32)


def _contours(rng: Generator) -> Grey:
    """Lines of one height on a hilly ground, as on a fingerprint."""
    hills = _unit(ndimage.gaussian_filter(rng.normal(0, 1, (TALL, LONG)), rng.uniform(5, 16)))
    x, y = _plane()
    turn, pitch = rng.uniform(0, np.pi), _log(rng, 2.5, 9)
    phase = hills * rng.uniform(1, 4) + (np.cos(turn) * x + np.sin(turn) * y) / pitch
    return _lines_of(phase, pitch, pitch * rng.uniform(0.15, 0.5))


def _screen(rng: Generator) -> Grey:
    """A screen of lines or dots, perhaps two that give a moiré."""
    (x, y), found = _plane(), np.ones((TALL, LONG), np.float32)
    turn, pitch = rng.uniform(0, np.pi), _log(rng, 1.8, 9)
    for _ in range(int(rng.integers(1, 3))):
        u = (np.cos(turn) * x + np.sin(turn) * y) / pitch
        v = (np.sin(turn) * x - np.cos(turn) * y) / pitch
        part = _lines_of(u, pitch, pitch * rng.uniform(0.2, 0.6))
        if rng.random() < 0.5:
            part = part * _lines_of(v, pitch, pitch * rng.uniform(0.3, 0.7))
        found *= part if rng.random() < 0.5 else 1 - part
        turn, pitch = turn + rng.normal(0, 0.1), pitch * rng.uniform(0.9, 1.1)
    return found


def _squares(rng: Generator) -> Grey:
    """Squares, millimetres or hatching: families of straight lines, some stronger."""
    (x, y), found = _plane(), np.zeros((TALL, LONG), np.float32)
    pitch, width, lean = _log(rng, 3, 30), rng.uniform(0.3, 1.6), rng.normal(0, 0.02)
    turn = rng.uniform(0, np.pi) if rng.random() < 0.25 else lean
    every = int(rng.choice([1, 1, 2, 5, 10]))
    for angle in (turn, turn + np.pi / 2):
        phase = (np.cos(angle) * x + np.sin(angle) * y) / pitch + rng.random()
        _over(found, rng.uniform(0.4, 1) * _lines_of(phase, pitch, width))
        if every > 1:
            _over(found, _lines_of(phase / every, pitch * every, 1.6 * width))
    return found


def _text(rng: Generator) -> Grey:
    """Printed letters, small or large, in rows; no digits, which would be read."""
    image = Image.new("L", (LONG, TALL))
    pencil, size = ImageDraw.Draw(image), _log(rng, 4, 44)
    font = ImageFont.load_default(size)
    repeated = "".join(rng.choice([*ascii_letters], rng.integers(3, 14)))
    at, apart = -rng.uniform(0, size), size * rng.uniform(1, 2.2)
    while at < TALL:
        words = "".join(rng.choice([*ascii_letters, " ", " "], LONG // 3))
        line = (repeated + " ") * LONG if rng.random() < 0.5 else words
        pencil.text((-rng.uniform(0, 60), at), line[: int(3 * LONG / size)], fill=255, font=font)
        at += apart
    turned = image.rotate(rng.normal(0, 4)) if rng.random() < 0.3 else image
    return np.asarray(np.asarray(turned) / 255, np.float32)


def _tiles(rng: Generator) -> Grey:
    """A small random motif repeated, as inside an envelope."""
    size = int(rng.integers(6, 40))
    motif = ndimage.gaussian_filter(
        rng.normal(0, 1, (size, size)), rng.uniform(0.6, 2.5), mode="wrap"
    )
    motif = np.clip(_unit(motif - motif.mean()) * rng.uniform(1, 4) + rng.normal(0, 0.5), 0, 1)
    rows, columns = np.indices((TALL, LONG))
    shifted = columns + rows // size * int(rng.integers(0, size))
    return np.asarray(motif[rows % size, shifted % size], np.float32)


def _fibres(rng: Generator) -> Grey:
    """Fibres, scratches and folds."""
    image = Image.new("L", (LONG, TALL))
    pencil = ImageDraw.Draw(image)
    longest = _log(rng, 5, 120)
    for x, y in rng.uniform(0, 1, (int(40000 / longest), 2)) * (LONG, TALL):
        turn, length = rng.uniform(0, np.pi), rng.uniform(0.2, 1) * longest
        tip = x + length * np.cos(turn), y + length * np.sin(turn)
        pencil.line([(x, y), tip], fill=int(rng.integers(40, 255)), width=int(rng.integers(1, 3)))
    soft = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1)))
    return np.asarray(np.asarray(soft) / 255, np.float32)


def _speckles(rng: Generator) -> Grey:
    """Recycled paper, dirt and toner."""
    noise = _unit(ndimage.gaussian_filter(rng.normal(0, 1, (TALL, LONG)), rng.uniform(0.5, 2)))
    return np.asarray(np.clip((noise - rng.uniform(0.8, 2.5)) * rng.uniform(0.5, 2), 0, 1))


def _clouds(rng: Generator) -> Grey:
    """Stains, shadows and uneven light: smooth, from 0 to 1."""
    small = rng.normal(0, 1, (TALL // 8, LONG // 8))
    scale = rng.uniform(1, 8)
    smooth = ndimage.gaussian_filter(small, (scale, 1.5 * scale))
    large = np.asarray(
        Image.fromarray(_unit(smooth)).resize((LONG, TALL), Image.Resampling.BICUBIC)
    )
    return np.asarray(np.clip(0.5 + large / 3, 0, 1), np.float32)


def _stamps(rng: Generator) -> Grey:
    """Round and square stamps with letters, turned, and with worn ink."""
    image = Image.new("L", (LONG, TALL))
    font = ImageFont.load_default(11)
    for x in np.arange(0, LONG, 150):
        side = int(rng.uniform(50, 110))
        stamp = Image.new("L", (side + 8, side + 8))
        pencil, box = ImageDraw.Draw(stamp), [4, 4, side + 4, side + 4]
        shape = pencil.ellipse if rng.random() < 0.6 else pencil.rectangle
        shape(box, outline=255, width=int(rng.integers(1, 4)))
        if rng.random() < 0.5:
            shape([12, 12, side - 4, side - 4], outline=255)
        for row in range(3):
            letters = "".join(rng.choice([*ascii_letters], side // 12))
            pencil.text((side * 0.25, side * (0.3 + 0.15 * row)), letters, fill=255, font=font)
        turned = stamp.rotate(rng.uniform(-40, 40))
        place = int(x), int(rng.uniform(-side / 2, TALL - side / 2))
        image.paste(255, place, turned)
    worn = _clouds(rng)
    return np.asarray(np.asarray(image) / 255 * (0.4 + 0.6 * worn), np.float32)


PATTERNS: tuple[Callable[[Generator], Grey], ...] = (
    _wavy, _rosettes, _contours, _screen, _wavy, _squares, _text, _tiles, _wavy, _rosettes,
    _contours, _screen, _squares, _text, _fibres, _speckles,
)  # fmt: skip
