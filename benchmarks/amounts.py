"""Measures how amounts are read that real people's digits make on patterned paper.

    python benchmarks/amounts.py [BUNDLE] [--count 1000] [--rows 200] [--seed 0] [--kinds NAME ...]
                                 [--misread FOLDER]

An amount, as 3843, 5009.- or ***12,50=, is set from the pen strokes of one dev writer of UNIPEN or
CROHME (data sets that choose and report, and never train). Signs a writer lacks are another's. It
is written on paper of one of 14 kinds, 100 to 400 pixels high, which goes through JPEG. None of
this code made the paper that a network is trained on.

An amount is right if every character is; a filler * before it does not count. Then come pictures
of two to five rows of numbers, which are right if all rows are. Prints n, right, accepted, and how
many were accepted but wrong, with 95 % intervals (Wilson 1927), and writes results/amounts.json if
the numbers are the usual ones.
"""

import argparse
import io
import json
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inkling import InklingError, Reader, data, metrics, system
from inkling.reading.numbers import LineReader

COUNT, ROWS = 1000, 200
INKS = ((20, 20, 25), (25, 30, 110), (15, 20, 70), (40, 40, 45), (60, 25, 30), (70, 70, 75))
TINTS = ((90, 150, 110), (110, 130, 190), (200, 120, 120), (190, 150, 90), (130, 130, 135))
SIGNS = {  # of each sign, in heights of a digit: its longer side, and where its middle lies
    ".": (0.08, 0.97), ",": (0.3, 1.05), "-": (0.5, 0.55), "=": (0.55, 0.55), "*": (0.5, 0.5),
}  # fmt: skip
Colours = NDArray[np.float32]  # (H, W, 3) in [0, 255]
Cover = NDArray[np.float32]  # (H, W) in [0, 1]
Strokes = Sequence[NDArray[np.float64]]
Hand = dict[str, list[Strokes]]  # what one person wrote, by character


def main() -> None:
    """Make pictures, read them, print the table and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=COUNT, help="amounts, over all kinds")
    parser.add_argument("--rows", type=int, default=ROWS, help="pictures of two to five rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--misread", type=Path, help="a folder for the pictures misread")
    options = parser.parse_args()
    reader, hands = Reader.load(), writers()
    if options.bundle:
        reader.lines = LineReader.load(options.bundle)
    found: dict[str, Any] = {}
    every: list[tuple[bool, bool]] = []
    for place, kind in enumerate(KINDS):
        if kind not in options.kinds:
            continue
        rng = np.random.default_rng([options.seed, place])
        number = len(range(place, options.count, len(KINDS)))
        judged = [
            judge(reader, *amount(kind, hands, rng), options.misread, f"{kind}-{index}")
            for index in range(number)
        ]
        every += judged
        found[kind] = summary(judged)
        show(kind, found[kind])
    found["all"] = summary(every)
    show("all", found["all"])
    rng = np.random.default_rng([options.seed, len(KINDS)])
    judged = [
        judge(reader, *rows(hands, rng), options.misread, f"rows-{index}")
        for index in range(options.rows)
    ]
    found["rows"] = summary(judged)
    show("rows", found["rows"])
    record = {
        "seed": options.seed,
        "kinds": found,
        "machine": system.describe(),
        "versions": system.versions("numpy", "onnxruntime", "pillow", "scipy"),
        "commit": system.commit(),
    }
    usual = (options.count, options.rows, options.kinds) == (COUNT, ROWS, list(KINDS))
    if usual and options.bundle is None:
        path = Path(__file__).parent.parent / "results" / "amounts.json"
        path.write_text(json.dumps(record, indent=2) + "\n")


def judge(
    reader: Reader, picture: bytes, texts: list[str], folder: Path | None, name: str
) -> tuple[bool, bool]:
    """Whether all rows of a picture are read correctly, and whether they are all accepted."""
    try:
        if len(texts) == 1:
            numbers = [reader.read_number(picture)]
        else:
            numbers = list(reader.read_lines(picture))
    except InklingError:
        numbers = []
    read = [bare(number.text) for number in numbers]
    right = read == [bare(text) for text in texts]
    if folder and not right:
        folder.mkdir(parents=True, exist_ok=True)
        said = f"{name} {' '.join(texts)} read {' '.join(read)}".replace("/", "÷")
        (folder / f"{said[:200]}.jpg").write_bytes(picture)
    return right, bool(numbers) and all(number.accepted for number in numbers)


def bare(text: str) -> str:
    """A text without fillers before it."""
    return text.lstrip("*?")


def summary(judged: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    """The figures of pictures: how many are read correctly, and how many are accepted."""
    right, accepted = np.array(judged, bool).reshape(-1, 2).T
    return {
        "n": len(right),
        "right": round(float(right.mean()), 4),
        "interval": [round(side, 4) for side in metrics.wilson(int(right.sum()), len(right))],
        "accepted": round(float(accepted.mean()), 4),
        "accepted_but_wrong": int((accepted & ~right).sum()),
    }


def show(kind: str, row: dict[str, Any]) -> None:
    """Print a line of the table."""
    low, high = row["interval"]
    sys.stdout.write(
        f"{kind:12} n {row['n']:4}  right {row['right']:6.1%} ({low:.1%} to {high:.1%})  "
        f"accepted {row['accepted']:6.1%}  accepted but wrong {row['accepted_but_wrong']}\n"
    )
    sys.stdout.flush()


# What is written


def writers() -> list[Hand]:
    """What each dev writer wrote who wrote at least six kinds of digits, and others' signs."""
    hands: list[Hand] = []
    for name in ("unipen", "crohme"):
        dataset = data.get(name)
        digits = data.without_wrong(data.items(dataset, "digits-dev"))
        signs = data.items(dataset, "symbols-dev") + data.items(data.get("unipen"), "symbols-dev")
        own: dict[str, Hand] = defaultdict(lambda: defaultdict(list))
        everyone: Hand = defaultdict(list)
        for item in (*digits, *(sign for sign in signs if sign.label in SIGNS)):
            own[item.writer][item.label].append(item.strokes)
            everyone[item.label].append(item.strokes)
        hands += [
            {sign: hand.get(sign) or forms for sign, forms in everyone.items()}
            for hand in own.values()
            if sum(digit in hand for digit in "0123456789") >= 6
        ]
    return hands


def some_amount(rng: Generator) -> str:
    """The text of an amount of money, of a cheque, a form or a bill."""
    whole = str(int(10 ** rng.uniform(0.5, 5.2)))
    if rng.random() < 0.2:
        whole = whole[: 1 + len(whole) // 3].ljust(len(whole), "0")
    cents = f"{rng.integers(100):02}"
    endings = ["", ".-", f".{cents}", f",{cents}", "=", ".--", f",{cents}=", ",-", "-"]
    ending = str(rng.choice(endings, p=[0.4, 0.08, 0.17, 0.14, 0.04, 0.03, 0.04, 0.06, 0.04]))
    return ("***" if len(ending) == 4 else "") + whole + ending


def written(text: str, hand: Hand, rng: Generator) -> list[NDArray[np.float64]]:
    """The strokes of a text by one hand, in heights of a digit, its first at (0, 0)."""
    gap, drift, slant = rng.uniform(0.08, 0.35), rng.normal(0, 0.015), rng.normal(0, 0.08)
    right, found = 0.0, []
    for character in text:
        forms = hand[character]
        strokes = forms[rng.integers(len(forms))]
        points = np.concatenate(strokes)
        low, high = points.min(0), points.max(0)
        size, middle = SIGNS.get(character, (1.0, 0.5))
        side = (
            max(high - low)
            if character in SIGNS
            else max(high[1] - low[1], (high[0] - low[0]) / 1.3)
        )
        scale = size * math.exp(rng.normal(0, 0.06)) / max(side, 1)
        shift = np.array([right, middle + rng.normal(0, 0.03)])
        for stroke in strokes:
            placed = (stroke - (low[0], (low[1] + high[1]) / 2)) * scale + shift
            placed[:, 0] += slant * (1 - placed[:, 1])
            placed[:, 1] += drift * placed[:, 0]
            found.append(placed)
        right += (high[0] - low[0]) * scale + max(0.06, gap + rng.normal(0, 0.05))
    return found


def inked(strokes: Strokes, shape: tuple[int, int], pen: float, rng: Generator) -> Cover:
    """How much ink covers each pixel, of strokes in pixels, by a pen that wears and skips."""
    canvas = Image.new("L", (2 * shape[1], 2 * shape[0]))
    pencil = ImageDraw.Draw(canvas)
    for stroke in strokes:
        path = [tuple(point) for point in 2 * stroke]
        pencil.line(path, fill=255, width=max(1, round(2 * pen)), joint="curve")
        for x, y in (path[0], path[-1]):
            pencil.ellipse([x - pen, y - pen, x + pen, y + pen], fill=255)
    cover = np.asarray(canvas.reduce(2), np.float32) / 255
    wear = smooth(shape, pen * rng.uniform(0.3, 3), rng)
    return cover * np.clip(1 - rng.uniform(0, 0.3) * (wear + 1), 0.35, 1) * rng.uniform(0.75, 1)


def amount(kind: str, hands: list[Hand], rng: Generator) -> tuple[bytes, list[str]]:
    """A picture of an amount on paper of a kind, as JPEG, and its text, the only one."""
    text, hand = some_amount(rng), hands[rng.integers(len(hands))]
    strokes = written(text, hand, rng)
    points = np.concatenate(strokes)
    height = int(math.exp(rng.uniform(*np.log([100, 400]))))
    digit = height * rng.uniform(0.42, 0.72) / max(np.ptp(points[:, 1]), 1)
    low = points.min(0)
    left, top = height * rng.uniform(0.1, 0.6), (height - digit * np.ptp(points[:, 1])) / 2
    top *= rng.uniform(0.7, 1.3)
    width = round(left + digit * np.ptp(points[:, 0]) + height * rng.uniform(0.1, 0.6))
    placed = [(stroke - low) * digit + (left, top) for stroke in strokes]
    sheet = Sheet((height, width), digit, rng)
    sheet.box = (left, top, left + digit * np.ptp(points[:, 0]), top + digit * np.ptp(points[:, 1]))
    KINDS[kind](sheet)
    pen = max(1.6, digit * math.exp(rng.normal(math.log(0.075), 0.3)))
    sheet.print(inked(placed, sheet.shape, pen, rng), INKS[rng.integers(len(INKS))])
    if kind == "stamp":
        stamp(sheet)
    return sheet.jpeg(), [text]


def rows(hands: list[Hand], rng: Generator) -> tuple[bytes, list[str]]:
    """A picture of two to five rows by one hand, perhaps on ruled or tinted paper; their texts."""
    hand, digit = hands[rng.integers(len(hands))], rng.uniform(35, 110)
    texts = [bare(some_amount(rng)) for _ in range(rng.integers(2, 6))]
    apart = digit * rng.uniform(1.35, 2.2)
    tilt, start = np.radians(rng.uniform(-3, 3)), digit * rng.uniform(0.6, 1)
    placed, down = [], start
    for text in texts:
        indent = start + digit * abs(rng.normal(0, 0.3))
        placed += [stroke * digit + (indent, down) for stroke in written(text, hand, rng)]
        down += apart
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    placed = [stroke @ turn for stroke in placed]
    points = np.concatenate(placed)
    placed = [stroke - points.min(0) + start for stroke in placed]
    width, height = np.ceil(np.ptp(points, 0) + 2 * start).astype(int)
    sheet = Sheet((height, width), digit, rng)
    chosen = rng.random()
    if chosen < 0.25:
        sheet.rule(apart, max(0.8, 0.03 * digit), TINTS[rng.integers(len(TINTS))])
    elif chosen < 0.4:
        squares(sheet)
    elif chosen < 0.5:
        waves(sheet)
    pen = max(1.6, digit * math.exp(rng.normal(math.log(0.075), 0.3)))
    sheet.print(inked(placed, sheet.shape, pen, rng), INKS[rng.integers(len(INKS))])
    return sheet.jpeg(), texts


# Paper


class Sheet:
    """A sheet of paper that is printed and written on, and photographed or scanned."""

    def __init__(self, shape: tuple[int, int], digit: float, rng: Generator) -> None:
        self.shape, self.rng = (int(shape[0]), int(shape[1])), rng
        self.digit = digit  # pixels, of the height of a digit
        self.box = (0.0, 0.0, 0.0, 0.0)  # of what is written
        white = rng.uniform(215, 252) * np.array([1, rng.uniform(0.97, 1), rng.uniform(0.9, 1)])
        self.colours = np.broadcast_to(white, (*self.shape, 3)).astype(np.float32)
        down, right = np.indices(self.shape, np.float32)
        self.y, self.x = down, right

    def print(self, cover: Cover, colour: tuple[float, ...]) -> None:
        """Print with a colour: what shines through it is darkened."""
        for channel, level in enumerate(colour):
            self.colours[..., channel] *= 1 - cover * np.float32(1 - level / 250)

    def tint(self) -> tuple[float, ...]:
        """A colour of print, paler or stronger."""
        share = self.rng.uniform(0.35, 1.0)
        return tuple(250 - share * (250 - level) for level in TINTS[self.rng.integers(len(TINTS))])

    def rule(
        self, pitch: float, width: float, colour: tuple[float, ...], turn: float = 0.0
    ) -> None:
        """Print parallel lines, level or turned by some radians."""
        across = self.y * np.float32(math.cos(turn)) + self.x * np.float32(math.sin(turn))
        self.print(stripes(across / pitch + self.rng.random(), width / pitch), colour)

    def jpeg(self) -> bytes:
        """The sheet under its light, seen by a camera or scanner, as JPEG."""
        rng = self.rng
        colours = self.colours
        if rng.random() < 0.5:
            angle = rng.uniform(0, 2 * math.pi)
            slope = self.x / self.shape[1] * math.cos(angle) + self.y / self.shape[0] * math.sin(
                angle
            )
            colours = colours * (1 - rng.uniform(0, 0.35) * (slope[..., None] + 1) / 2)
        colours = colours + rng.normal(0, rng.uniform(0.5, 6), colours.shape)
        image = Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8))
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.1)))
        if rng.random() < 0.25:
            image = image.convert("L")
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(45, 92)))
        return file.getvalue()


def stripes(phase: NDArray[np.floating], share: float, softness: float = 0.15) -> Cover:
    """Lines at the whole numbers of a phase, which take a share of it."""
    away = np.abs(phase - np.round(phase))
    return np.asarray(np.clip((share / 2 - away) / (softness * share) + 0.5, 0, 1), np.float32)


def smooth(shape: tuple[int, int], scale: float, rng: Generator) -> Cover:
    """Smooth noise of standard deviation 1, whose hills are about `scale` pixels wide."""
    size = [max(2, math.ceil(length / max(scale, 1)) + 2) for length in shape]
    noise = Image.fromarray(rng.normal(0, 1, size).astype(np.float32))
    large = np.asarray(noise.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return large / max(float(large.std()), 1e-6)


def plain(sheet: Sheet) -> None:
    """White or yellowish paper."""


def waves(sheet: Sheet) -> None:
    """Guilloche: families of wavy lines that cross each other."""
    rng, unit = sheet.rng, sheet.digit
    for _ in range(int(rng.integers(1, 4))):
        pitch, length = unit * rng.uniform(0.06, 0.3), unit * rng.uniform(0.5, 4)
        swing = pitch * rng.uniform(0.5, 3)
        bend = swing * np.sin(2 * np.pi * sheet.x / length + rng.uniform(0, 6))
        bend += 0.4 * swing * np.sin(2 * np.pi * sheet.x / (length * rng.uniform(0.3, 0.7)))
        sheet.print(stripes((sheet.y + bend) / pitch, rng.uniform(0.12, 0.4)), sheet.tint())


def rosettes(sheet: Sheet) -> None:
    """Rosettes of rings that swing, with hypotrochoid-like petals."""
    rng, unit = sheet.rng, sheet.digit
    for _ in range(int(rng.integers(1, 4))):
        cx, cy = rng.uniform(0, sheet.shape[1]), rng.uniform(0, sheet.shape[0])
        away = np.hypot(sheet.x - cx, sheet.y - cy) / unit
        turn = np.arctan2(sheet.y - cy, sheet.x - cx)
        petals, reach = rng.integers(5, 20), rng.uniform(0.6, 2)
        for sign in (1, -1):
            ring = away * (1 + sign * 0.12 * np.cos(petals * turn))
            cover = stripes(ring * rng.uniform(5, 14), rng.uniform(0.15, 0.4)) * (ring < reach)
            sheet.print(cover, sheet.tint())


def screen(sheet: Sheet) -> None:
    """Fine parallel lines across the whole sheet, slanted."""
    pitch = max(3, sheet.digit * sheet.rng.uniform(0.04, 0.15))
    sheet.rule(pitch, pitch * sheet.rng.uniform(0.2, 0.55), sheet.tint(), sheet.rng.uniform(0, 3))


def dots(sheet: Sheet) -> None:
    """A halftone screen, darker in some places than in others."""
    rng = sheet.rng
    pitch, turn = max(3.5, sheet.digit * rng.uniform(0.05, 0.14)), rng.uniform(0.2, 1.2)
    u = (sheet.x * math.cos(turn) + sheet.y * math.sin(turn)) * (2 * math.pi / pitch)
    v = (sheet.y * math.cos(turn) - sheet.x * math.sin(turn)) * (2 * math.pi / pitch)
    level = rng.uniform(-0.3, 0.9) + 0.5 * smooth(sheet.shape, 2 * sheet.digit, rng)
    sheet.print(np.clip((np.cos(u) + np.cos(v)) / 2 * 3 - 3 * level + 1, 0, 1), sheet.tint())


def words(sheet: Sheet, size: float | None = None, colour: tuple[float, ...] | None = None) -> None:
    """Microprint: a word that is repeated in small rows."""
    rng = sheet.rng
    size = size or max(7.0, sheet.digit * rng.uniform(0.08, 0.2))
    font, image = ImageFont.load_default(size), Image.new("L", sheet.shape[::-1])
    pencil, down = ImageDraw.Draw(image), -rng.uniform(0, size)
    word = str(rng.choice(["VALID ", "Banque ", "ORIGINAL ", "security ", "BETRAG ", "pay "]))
    line = word * (4 * sheet.shape[1] // int(size * len(word)) + 4)
    while down < sheet.shape[0]:
        pencil.text((-rng.uniform(0, 5 * size), down), line, fill=255, font=font)
        down += 1.3 * size
    sheet.print(np.asarray(image, np.float32) / 255, colour or sheet.tint())


def large_words(sheet: Sheet) -> None:
    """A pale word as high as the digits, or higher, across the sheet."""
    pale = tuple(250 - 0.5 * (250 - level) for level in sheet.tint())
    words(sheet, sheet.digit * sheet.rng.uniform(0.8, 2), pale)


def squares(sheet: Sheet) -> None:
    """Squared paper."""
    pitch, colour = sheet.digit * sheet.rng.uniform(0.2, 1.1), sheet.tint()
    width = max(0.9, pitch * sheet.rng.uniform(0.03, 0.08))
    for turn in (0, math.pi / 2):
        sheet.rule(pitch, width, colour, turn + sheet.rng.normal(0, 0.01))


def ruled(sheet: Sheet) -> None:
    """Ruled paper, one line right under the digits or through them."""
    pitch = sheet.digit * sheet.rng.uniform(0.5, 1.6)
    width = max(1.0, pitch * sheet.rng.uniform(0.02, 0.05))
    sheet.rule(pitch, width, sheet.tint(), sheet.rng.normal(0, 0.015))


def cells(sheet: Sheet) -> None:
    """A row of cells, as on a form; digits do not keep to them."""
    rng, (left, top, _, bottom) = sheet.rng, sheet.box
    room, pen = (
        sheet.digit * rng.uniform(0.05, 0.22),
        max(1.0, sheet.digit * rng.uniform(0.01, 0.05)),
    )
    top, bottom = max(top - room, 2), min(bottom + room, sheet.shape[0] - 3)
    colour, pitch = sheet.tint(), sheet.digit * rng.uniform(0.6, 1.1)
    inside = (sheet.y >= top - pen / 2) & (sheet.y <= bottom + pen / 2)
    sheet.print(stripes((sheet.x - left) / pitch + 0.2, pen / pitch) * inside, colour)
    for at in (top, bottom):
        sheet.print(np.clip((pen + 1) / 2 - np.abs(sheet.y - at), 0, 1), colour)


def frame(sheet: Sheet) -> None:
    """A frame around the amount, simple or double, dark or coloured, on a tinted ground."""
    rng, (left, top, right, bottom) = sheet.rng, sheet.box
    colour = sheet.tint() if rng.random() < 0.7 else (60, 60, 65)
    pen = max(1.0, sheet.digit * rng.uniform(0.015, 0.06))
    for ring in range(int(rng.integers(1, 3))):
        room = sheet.digit * rng.uniform(0.08, 0.3) + 2.5 * pen * ring
        away = np.maximum(
            np.maximum(left - room - sheet.x, sheet.x - right - room),
            np.maximum(top - room - sheet.y, sheet.y - bottom - room),
        )
        sheet.print(np.clip((pen + 1) / 2 - np.abs(away), 0, 1), colour)
    if rng.random() < 0.4:
        sheet.rule(5, 2, tuple(250 - 0.4 * (250 - level) for level in colour), rng.uniform(0, 3))


def iris(sheet: Sheet) -> None:
    """Colours that run into each other, under fine lines that follow hills."""
    rng = sheet.rng
    hills = smooth(sheet.shape, 1.5 * sheet.digit, rng)
    for _ in range(2):
        sheet.print(np.clip(0.25 + 0.2 * smooth(sheet.shape, 3 * sheet.digit, rng), 0, 0.6),
                    sheet.tint())  # fmt: skip
    phase = 1.2 * hills + sheet.y / (sheet.digit * rng.uniform(0.08, 0.2))
    sheet.print(stripes(phase, rng.uniform(0.2, 0.45)), sheet.tint())


def stamp(sheet: Sheet) -> None:
    """A round stamp, in another ink than the digits', over a part of them; waves beneath."""
    rng, (left, top, right, bottom) = sheet.rng, sheet.box
    radius = sheet.digit * rng.uniform(0.6, 1.2)
    cx, cy = rng.uniform(left, right), (top + bottom) / 2 + sheet.digit * rng.uniform(-0.8, 0.8)
    away = np.hypot(sheet.x - cx, sheet.y - cy)
    pen = max(1.2, sheet.digit * rng.uniform(0.02, 0.05))
    cover = np.clip((pen + 1) / 2 - np.abs(away - radius), 0, 1)
    cover = np.maximum(cover, np.clip((pen + 1) / 2 - np.abs(away - 0.75 * radius), 0, 1))
    worn = np.clip(0.6 + 0.4 * smooth(sheet.shape, 6, rng), 0, 1)
    sheet.print(cover * worn, ((150, 60, 120), (60, 80, 170), (190, 60, 60))[rng.integers(3)])


def creased(sheet: Sheet) -> None:
    """Paper with folds, shadows, stains and fibres."""
    rng = sheet.rng
    for _ in range(int(rng.integers(1, 4))):
        turn, at = rng.uniform(0, 3.2), rng.uniform(0.2, 0.8)
        away = (sheet.x - at * sheet.shape[1]) * math.cos(turn)
        away += (sheet.y - at * sheet.shape[0]) * math.sin(turn)
        fold = np.exp(-((away / (0.05 * sheet.digit)) ** 2)) + 0.5 * (away > 0) * np.exp(
            -away / (0.6 * sheet.digit)
        )
        sheet.print(np.clip(rng.uniform(0.1, 0.5) * fold, 0, 0.7), (110, 110, 110))
    stain = np.clip(0.3 * smooth(sheet.shape, 1.2 * sheet.digit, rng) - 0.1, 0, 0.5)
    sheet.print(stain, (190, 160, 110))
    sheet.print(np.clip(0.25 * smooth(sheet.shape, 1.5, rng) - 0.2, 0, 0.6), (120, 120, 110))


KINDS: dict[str, Callable[[Sheet], None]] = {
    "plain": plain, "waves": waves, "rosettes": rosettes, "screen": screen, "dots": dots,
    "words": words, "large words": large_words, "squares": squares, "ruled": ruled, "cells": cells,
    "frame": frame, "iris": iris, "stamp": waves, "creased": creased,
}  # fmt: skip

if __name__ == "__main__":
    main()
