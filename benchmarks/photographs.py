"""Measures how digits are read in synthetic photographs, by what is around them and how large.

    python benchmarks/photographs.py [BUNDLE] [--part validation|test] [--count 50] [--seed 0]
                                     [--strokes FILE] [--kinds NAME ...] [--heights NUMBER ...]
                                     [--size WIDTH HEIGHT] [--whole]

"near" is a picture that its digit mostly fills, 150 to 700 pixels high. A number is the height of
a digit in pixels, somewhere in the middle third of a photograph of 4000 x 3000, or of --size. Each
has paper with fibres and grain, uneven light, a soft shadow of the phone, a slightly oblique view,
and goes through JPEG at quality 75. With --whole, large ones are not scaled while they are decoded.
Prints, for each kind and height: n, the share that is read correctly, the share that is accepted,
and how many are accepted with a wrong label.

The digits are MNIST's, enlarged; with --strokes, every other one is drawn by pen strokes of JSON
lines (see inkling.data.strokes).
"""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inkling import InklingError, Reader, data
from inkling.ink import formats

FAR = (4000, 3000)  # pixels: width and height of a photograph from a distance
HEIGHTS = ("near", "40", "80", "160", "400")
INKS = ((35, 35, 40), (30, 35, 130), (20, 25, 90), (170, 30, 40), (20, 110, 50), (85, 85, 90))
QUALITY = 75  # of JPEG
TILE = 1024  # pixels a side of the texture of paper, which is repeated
Grey = NDArray[np.float32]
Digit = Callable[[int, Generator], Grey]  # gives the ink (h, w) in [0, 1] for a height in pixels


def main() -> None:
    """Make photographs, read them, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strokes", type=Path)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--heights", nargs="+", default=HEIGHTS)
    parser.add_argument("--size", type=int, nargs=2, default=FAR)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    if options.whole:
        formats.ORDINARY = sys.maxsize
    reader = Reader.load(options.bundle)
    digits = sources(options.part, options.strokes)
    for kind in options.kinds:
        for height in options.heights:
            rng = np.random.default_rng([options.seed, list(KINDS).index(kind)])
            found = np.array(
                [
                    judged(reader, *made(kind, height, digits, rng, options.size))
                    for _ in range(options.count)
                ]
            )
            right, accepted = found.T
            sys.stdout.write(
                f"{kind:12} {height:>5}  n {len(found):4}  right {right.mean():6.1%}  "
                f"accepted {accepted.mean():6.1%}  accepted but wrong {(accepted & ~right).sum()}\n"
            )
            sys.stdout.flush()


def judged(reader: Reader, picture: bytes, label: int) -> tuple[bool, bool]:
    """Whether a picture is read correctly, and whether its reading is accepted."""
    try:
        reading = reader.read(picture)
    except InklingError:
        return False, False
    return reading.label == label, bool(reading.accepted)


def sources(part: str, strokes: Path | None) -> list[tuple[Digit, int]]:
    """Digits to be put on paper, each with its label."""
    split = getattr(data.splits("mnist"), part)
    found = [(enlarged(p[0]), int(k)) for p, k in zip(split.pixels, split.labels, strict=True)]
    if strokes is None:
        return found
    from inkling.data.strokes import from_json_lines

    items = from_json_lines(strokes.read_bytes(), strokes.name)
    written = [(drawn(item.strokes), int(item.label)) for item in items]
    return [one for pair in zip(found, written, strict=False) for one in pair]


def enlarged(pixels: NDArray[np.uint8]) -> Digit:
    """An MNIST digit `(28, 28)` with smooth outlines."""

    def of(height: int, rng: Generator) -> Grey:
        left, top, right, bottom = Image.fromarray(pixels).getbbox() or (0, 0, 28, 28)
        scale = height / (bottom - top)
        box = (left - 1, top - 1, right + 1, bottom + 1)
        size = round((right - left + 2) * scale), round((bottom - top + 2) * scale)
        large = Image.fromarray(pixels).crop(box).resize(size, Image.Resampling.BICUBIC)
        soft = np.asarray(large.filter(ImageFilter.GaussianBlur(scale / 3)), np.float32) / 255
        # An outline one pixel soft; a higher level gives thinner strokes
        return np.clip((soft - rng.uniform(0.35, 0.6)) * scale / 0.7 + 0.5, 0, 1)

    return of


def drawn(strokes: tuple[NDArray[np.float64], ...]) -> Digit:
    """Pen strokes, drawn by a pen 2 to 14 % of their height wide, at least 2 pixels."""

    def of(height: int, rng: Generator) -> Grey:
        points = np.concatenate(strokes)
        low, high = points.min(0), points.max(0)
        pen = max(2.0, height * rng.uniform(0.02, 0.14))
        scale = min(
            (height - pen) / max(high[1] - low[1], 1), 3 * height / max(high[0] - low[0], 1)
        )
        size = np.ceil((high - low) * scale + pen + 2).astype(int)
        canvas = Image.new("L", (2 * int(size[0]), 2 * int(size[1])))
        pencil = ImageDraw.Draw(canvas)
        for stroke in strokes:
            path = [tuple(p) for p in 2 * ((stroke - low) * scale + pen / 2 + 1)]
            pencil.line(path, fill=255, width=round(2 * pen), joint="curve")
            for x, y in (path[0], path[-1]):
                pencil.ellipse([x - pen, y - pen, x + pen, y + pen], fill=255)
        small = canvas.resize((int(size[0]), int(size[1])), Image.Resampling.BOX)
        return np.asarray(small, np.float32) / 255

    return of


def made(
    kind: str,
    height: str,
    digits: list[tuple[Digit, int]],
    rng: Generator,
    size: Sequence[int],
) -> tuple[bytes, int]:
    """A photograph of a kind as JPEG, and the label of its digit."""
    digit, label = digits[rng.integers(len(digits))]
    near = height == "near"
    high = round(float(np.exp(rng.uniform(*np.log([150, 700]))))) if near else int(height)
    turn = rng.uniform(-1, 1) * (12 if "desk" in kind else 3)  # degrees, of the sheet
    ink = oblique(digit(high, rng), turn + rng.uniform(-4, 4), rng)
    if near:
        width, length = (round(max(ink.shape) / rng.uniform(0.45, 0.8)) for _ in range(2))
    else:
        width, length = size
    middle = (width, length) * (0.5 + rng.uniform(-1, 1, 2) * (0.04 if near else 1 / 6))
    scene = Scene((length, width), turn, rng)
    corner = np.rint(middle - np.array(ink.shape[::-1]) / 2).astype(int)
    box = (*corner, *(corner + ink.shape[::-1]))
    KINDS[kind](scene, box, high, near)
    scene.paint(ink, box[:2], scene.ink)
    return scene.photograph(kind, box, high), label


def oblique(ink: Grey, degrees: float, rng: Generator) -> Grey:
    """Ink turned clockwise, and seen a little from the side."""
    height, width = ink.shape
    room = max(height, width) // 6 + 2
    wide = Image.fromarray(np.pad(ink, room))
    shift = rng.uniform(-0.03, 0.03, 2) / max(height, width)
    angle = np.radians(degrees)
    (a, b), (x, y) = (np.cos(angle), np.sin(angle)), (wide.width / 2, wide.height / 2)
    turn = (a, b, x - a * x - b * y, -b, a, y + b * x - a * y, *shift)
    seen = np.asarray(wide.transform(wide.size, Image.Transform.PERSPECTIVE, turn,
                                     Image.Resampling.BILINEAR))  # fmt: skip
    rows, columns = np.flatnonzero(seen.max(1) > 0.1), np.flatnonzero(seen.max(0) > 0.1)
    return seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


class Scene:
    """Paper and what is printed on it: a share of the light in [0, 1] that each colour reflects."""

    def __init__(self, shape: tuple[int, int], turn: float, rng: Generator) -> None:
        self.rng, self.shape = rng, shape
        self.ink: tuple[float, ...] = INKS[rng.integers(len(INKS))]
        warm = rng.uniform(0, 12)
        self.paper = np.array([1, 1 - warm / 500, 1 - warm / 200]) * rng.uniform(215, 250)
        self.layers = [np.ones(shape, np.float32) for _ in range(3)]  # of the paper's light
        self.tilt = np.tan(np.radians(turn))  # of lines, boxes and the sheet
        self.sheet: list[tuple[float, float]] | None = None  # corners; None: it fills the picture

    def paint(self, ink: Grey, corner: tuple[int, int], colour: tuple[float, ...]) -> None:
        """Put ink `(h, w)` on the paper, with its upper left corner at (x, y)."""
        left, top = corner
        height, width = self.shape
        part = ink[max(-top, 0) : height - top, max(-left, 0) : width - left]
        place = np.s_[max(top, 0) : top + len(ink), max(left, 0) : left + ink.shape[1]]
        for layer, channel, white in zip(self.layers, colour, self.paper, strict=True):
            layer[place] *= 1 - part * (1 - channel / white)

    def rule(
        self,
        gap: float,
        width: float,
        colour: tuple[float, ...],
        down: bool = False,
        only: int | None = None,
        start: float | None = None,
    ) -> None:
        """Print lines across (or down): every `gap` pixels, or `only` one of these."""
        height, length = self.shape
        x, y = np.arange(length, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
        fan = 1 + 0.02 * (self.tilt / 0.05) * (y / height if down else x / length)
        at = x * fan + self.tilt * y if down else y * fan - self.tilt * x
        at -= self.rng.uniform(0, gap) if start is None else start
        nearest = np.rint(at / gap)
        cover = np.clip((width + 1) / 2 - np.abs(at - nearest * gap), 0, 1) * min(width, 1)
        if only is not None:
            cover *= nearest == only
        for layer, channel, white in zip(self.layers, colour, self.paper, strict=True):
            layer *= 1 - cover * (1 - channel / white)

    def photograph(self, kind: str, box: tuple[int, ...], high: int) -> bytes:
        """The scene under its light, as JPEG; "cut" is cut out of it, through the digit's edge."""
        height, width = self.shape
        light = lit((width, height), self.rng)
        grain = textured(self.shape, self.rng)
        if self.sheet is not None:
            mask = Image.new("L", (width, height))
            ImageDraw.Draw(mask).polygon(self.sheet, fill=255)
            on = np.asarray(mask.filter(ImageFilter.GaussianBlur(1)), np.float32) / 255
            desk = self.desk()
        channels = []
        for index, layer in enumerate(self.layers):
            channel = layer * self.paper[index]
            if self.sheet is not None:
                channel = on * channel + (1 - on) * desk[index]
            channels.append(np.clip(channel * light + grain, 0, 255).astype(np.uint8))
        image = Image.fromarray(np.stack(channels, 2)).filter(ImageFilter.GaussianBlur(0.7))
        if kind == "blackboard":
            image = Image.fromarray(255 - np.asarray(image))
        if kind == "cut":
            margin, side = high // 6, self.rng.integers(4)
            edges = [box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin]
            edges[side] = box[side] + (1 if side < 2 else -1) * round(
                high * self.rng.uniform(0, 0.05)
            )
            image = image.crop(
                (max(edges[0], 0), max(edges[1], 0), *map(min, edges[2:], image.size))
            )
        file = io.BytesIO()
        image.save(file, "JPEG", quality=QUALITY)
        return file.getvalue()

    def desk(self) -> list[Grey]:
        """Wood: a colour, and streaks along the grain."""
        low, high = self.desk_light
        shade = self.rng.uniform(low, high) * np.array([1, self.rng.uniform(0.75, 1),
                                                        self.rng.uniform(0.55, 1)])  # fmt: skip
        streaks = self.rng.normal(0, 1, (self.shape[0] // 8 + 1, 1))
        wood = np.asarray(Image.fromarray(streaks.astype(np.float32)).resize(self.shape[::-1]))
        return [np.asarray(level * (1 + 0.04 * wood), np.float32) for level in shade]

    desk_light = (30.0, 110.0)  # grey levels of the lightest channel


def lit(size: tuple[int, int], rng: Generator) -> Grey:
    """The light on a picture `(H, W)`: from one side, less at the corners, a soft shadow."""
    small = 64
    y, x = np.mgrid[:small, :small] / small - 0.5
    angle, beyond = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.4) * (x * np.cos(angle) + y * np.sin(angle))
    light *= 1 - rng.uniform(0, 0.5) * (x * x + y * y)
    if rng.random() < 0.5:
        into = x * np.cos(beyond) + y * np.sin(beyond) - rng.uniform(-0.3, 0.3)
        light *= 1 - rng.uniform(0.15, 0.4) / (1 + np.exp(-into / rng.uniform(0.02, 0.1)))
    smooth = Image.fromarray((light / light.max()).astype(np.float32))
    return np.asarray(smooth.resize(size, Image.Resampling.BICUBIC))


def textured(shape: tuple[int, int], rng: Generator) -> Grey:
    """Grain of the camera and fibres of the paper, in grey levels `(H, W)` around 0."""
    fibres = Image.new("L", (TILE, TILE), 128)
    pencil = ImageDraw.Draw(fibres)
    for x, y in rng.uniform(0, TILE, (1500, 2)):
        turn, length = rng.uniform(0, np.pi), rng.uniform(5, 30)
        tip = x + length * np.cos(turn), y + length * np.sin(turn)
        pencil.line([(x, y), tip], fill=int(128 + rng.normal(0, 25)), width=1)
    soft = np.asarray(fibres.filter(ImageFilter.GaussianBlur(1)), np.float32) - 128
    tile = soft * rng.uniform(0, 0.6) + rng.normal(0, rng.uniform(0.5, 5), soft.shape)
    times = [-(-length // TILE) for length in shape]
    return np.asarray(np.tile(tile, times)[: shape[0], : shape[1]], np.float32)


def plain(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """Paper."""


def blackboard(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """Chalk on a board: the negative of pencil on paper."""
    scene.ink = (60, 60, 60)


def ruled(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """Lines of a notebook, blue or grey, with a red margin."""
    gap = high / scene.rng.uniform(0.6, 3)
    colour = ((120, 150, 210), (150, 150, 150), (90, 90, 100))[scene.rng.integers(3)]
    scene.rule(gap, max(0.7, gap * scene.rng.uniform(0.01, 0.04)), colour)
    if scene.rng.random() < 0.5:
        at = max(box[0] - high * scene.rng.uniform(0.2, 1), 5)
        scene.rule(high, max(0.8, gap * 0.03), (220, 90, 100), True, 0, at + scene.tilt * box[1])


def squared(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """Squares of 5 mm, grey or blue."""
    gap = high / scene.rng.uniform(1, 6)
    colour = ((150, 150, 155), (120, 150, 210))[scene.rng.integers(2)]
    for down in (False, True):
        scene.rule(gap, max(0.7, gap * scene.rng.uniform(0.02, 0.05)), colour, down)


def seyes(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """French school paper: squares of 8 mm, three fainter lines between, a red margin."""
    gap, start = high / scene.rng.uniform(0.7, 6), scene.rng.uniform(0, 50)
    scene.rule(gap / 4, max(0.5, gap * 0.012), (175, 175, 215), start=start)
    for down in (False, True):
        scene.rule(gap, max(0.8, gap * 0.025), (120, 120, 190), down, start=start)
    if scene.rng.random() < 0.5:
        at = max(box[0] - high * scene.rng.uniform(0.2, 1), 5)
        scene.rule(high, max(0.8, gap * 0.03), (220, 90, 100), True, 0, at + scene.tilt * box[1])


def millimetre(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """Millimetre paper: green, orange or grey, every tenth line stronger."""
    gap = max(high / scene.rng.uniform(8, 35), 4)
    colour = ((140, 205, 150), (235, 160, 120), (160, 160, 165))[scene.rng.integers(3)]
    for down in (False, True):
        start = scene.rng.uniform(0, gap)
        scene.rule(gap, max(0.6, gap * 0.06), colour, down, start=start)
        scene.rule(10 * gap, max(0.9, gap * 0.12), colour, down, start=start)


def desk(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """A sheet on a dark desk, turned and seen from the side."""
    rng = scene.rng
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    half = max(box[2] - box[0], high) * (0.62 if near else min(rng.uniform(3, 12), 1100 / high))
    half = half * np.array([1, rng.uniform(0.8, 1.25)])
    turn = np.arctan(scene.tilt)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    corners *= 1 + rng.uniform(-0.06, 0.06, (4, 2))
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    scene.sheet = [(float(x), float(y)) for x, y in corners @ spin + middle]


def light_desk(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """A sheet on a light desk."""
    desk(scene, box, high, near)
    scene.desk_light = (170.0, 235.0)


def caption(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """A printed word below or above the digit, its letters 12 to 30 % as high."""
    size = high * scene.rng.uniform(0.12, 0.3)
    word = ("Answer", "Question 4", "digit", "Total", "NAME", "score:")[scene.rng.integers(6)]
    font = ImageFont.load_default(max(9, 1.3 * size))
    left, top, right, bottom = font.getbbox(word)
    image = Image.new("L", (round(right - left) + 2, round(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), word, fill=255, font=font)
    away = high * scene.rng.uniform(0.12, 0.6)
    y = box[3] + away if scene.rng.random() < 0.5 else box[1] - away - image.height
    y = min(max(y, 2), scene.shape[0] - image.height - 2)
    x = (box[0] + box[2] - image.width) / 2 + scene.rng.uniform(-0.5, 0.5) * high
    x = min(max(x, 2), max(scene.shape[1] - image.width - 2, 2))
    if box[1] - image.height < y < box[3]:
        return  # no room
    scene.paint(np.asarray(image, np.float32) / 255, (int(x), int(y)), (50, 50, 50))


def underline(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """A line drawn under the digit by the same pen."""
    wide, away = box[2] - box[0], high * scene.rng.uniform(0.1, 0.3)
    reach, pen = wide * scene.rng.uniform(0.1, 0.5), max(2, high * scene.rng.uniform(0.02, 0.08))
    y = min(box[3] + away, scene.shape[0] - pen - 3)
    if y < box[3] + 2 * pen:
        return  # no room
    path = np.array([[box[0] - reach, y], [box[2] + reach, y + scene.rng.uniform(-1, 1) * pen / 2]])
    painted(scene, path, pen, scene.ink)


def boxed(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """A box drawn around the digit, dark or coloured; near, it may reach the picture's edge."""
    rng = scene.rng
    colour = (*INKS, (120, 150, 210), (230, 140, 100))[rng.integers(len(INKS) + 2)]
    room = high * rng.uniform(0.08, 0.3, 4)
    left, top = box[0] - room[0], box[1] - room[1]
    right, bottom = box[2] + room[2], box[3] + room[3]
    lean = scene.tilt * high
    corners = np.array(
        [(left, top), (right, top + lean), (right - lean, bottom + lean), (left - lean, bottom),
         (left, top)]
    )  # fmt: skip
    painted(scene, corners, max(1.5, high * rng.uniform(0.008, 0.05)), colour)


def painted(scene: Scene, path: NDArray, pen: float, colour: tuple[float, ...]) -> None:
    """Draw a path of points (x, y) with a pen."""
    low = np.floor(path.min(0) - pen).astype(int)
    size = np.ceil(path.max(0) + pen).astype(int) - low
    canvas = Image.new("L", (2 * int(size[0]), 2 * int(size[1])))
    points = [tuple(p) for p in 2 * (path - low)]
    ImageDraw.Draw(canvas).line(points, fill=255, width=max(2, round(2 * pen)), joint="curve")
    small = np.asarray(canvas.resize((int(size[0]), int(size[1])), Image.Resampling.BOX))
    scene.paint(small.astype(np.float32) / 255, (int(low[0]), int(low[1])), colour)


def coloured(scene: Scene, box: tuple[int, ...], high: int, near: bool) -> None:
    """Ink about as light as its coloured paper."""
    rng = scene.rng
    luma = np.array([0.299, 0.587, 0.114])
    while True:
        paper, ink = rng.uniform(0, 240, (2, 3))
        if abs((paper - ink) @ luma) < 20 and np.abs(paper - ink).max() > 110:
            break
    scene.paper, scene.ink = np.maximum(paper, 10), tuple(ink)


KINDS = {
    "plain": plain, "blackboard": blackboard, "coloured": coloured, "ruled": ruled,
    "squared": squared, "seyes": seyes, "millimetre": millimetre, "desk": desk,
    "light desk": light_desk, "caption": caption, "underline": underline, "box": boxed,
    "cut": plain,
}  # fmt: skip

if __name__ == "__main__":
    main()
