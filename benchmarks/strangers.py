"""What a bundle does with what is no digit, and how far its word can be trusted for what is one.

    python benchmarks/strangers.py [BUNDLE] [--part validation|test]

The strangers are not made as those that a network is trained with (inkling/outliers.py): letters
and symbols from Hershey's stroke fonts, with a hand's tremor; scribbles of another making; two or
three digits where one was asked for; Fashion-MNIST, through the reader and as it is. For each:
the area under the ROC curve of `evidence`, the share refused where 99 % of digits pass, and the
share that the card's thresholds refuse. Then, for digits: how many are accepted and how many of
these right, the calibration error, the coverage of label sets. Needs Hershey-Fonts, scikit-image.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from hand import redrawn
from HersheyFonts import HersheyFonts
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from strokes import trace

from inkling import Drawing, Reader, data, ink, metrics

FONTS = ("futural", "futuram", "cursive", "scripts", "scriptc", "rowmans", "timesr", "timesi")
LETTERS = "ACEFHKLMNPRTUVWXYacdefhkmnprtuvwxy"  # without those that could be digits
SYMBOLS = "&%$#@?*+="
COUNT = 1000
Images = NDArray[np.float32]


def main() -> None:
    """Make them, read them, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    options = parser.parse_args()
    reader = Reader.load(options.bundle, threads=2)
    acceptance = reader.card.acceptance
    digits = getattr(data.splits("mnist"), options.part)
    garments = getattr(data.splits("fashion-mnist"), options.part).images()[:5000]
    chance = np.random.default_rng(0)
    strangers = {
        "letters": seen(letters(LETTERS, chance)),
        "symbols": seen(letters(SYMBOLS, chance)),
        "scribbles": seen([scribble(chance) for _ in range(COUNT)]),
        "two or three digits": seen([several(digits, chance) for _ in range(COUNT)]),
        "Fashion-MNIST, as read": seen(garments),
        "Fashion-MNIST, as it is": garments,
    }
    known, confidence = judged(reader, digits.images())
    least = np.quantile(known, 0.01)
    say("what", "n", "AUROC", "refused at 99 %", "by the card")
    for name, images in strangers.items():
        evidence, sure = judged(reader, images)
        truth = np.repeat([1, 0], [len(known), len(evidence)])
        area = roc_auc_score(truth, np.concatenate([known, evidence]))
        refused = 1 - ((sure >= acceptance.confidence) & (evidence >= acceptance.evidence)).mean()
        shares = f"{area:.4f}", f"{(evidence < least).mean():.1%}", f"{refused:.1%}"
        say(name, f"{len(images):,}", *shares)
    probabilities, labels = reader.probabilities(digits.images()), digits.labels
    accepted = (confidence >= acceptance.confidence) & (known >= acceptance.evidence)
    right = probabilities.argmax(1) == labels
    tell(f"\ndigits, n = {len(labels):,}: {accepted.mean():.2%} accepted, of these right ")
    tell(f"{right[accepted].mean():.3%}; calibration error ")
    tell(f"{metrics.calibration_error(probabilities, labels):.2%}\n")
    traced = [trace(image[0]) for image in digits.images()[:COUNT]]
    drawn = seen([*redrawn(traced, 60, 10), *redrawn(traced, 300, 30)])
    again = np.tile(labels[:COUNT], 2)
    error = metrics.calibration_error(reader.probabilities(drawn), again)
    tell(f"redrawn, n = {len(again):,}: calibration error {error:.2%}\n")
    for level, least in acceptance.sets:
        inside = probabilities[np.arange(len(labels)), labels] >= least
        size = np.maximum((probabilities >= least).sum(1), 1).mean()
        tell(f"sets at {level:.2%}: hold the truth in {inside.mean():.2%}, {size:.3f} labels\n")


def judged(reader: Reader, images: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evidence and confidence `(N,)` of images `(N, 1, 28, 28)`."""
    logits = reader.network.run("logits", images)
    evidence = metrics.evidence(logits * reader.card.temperature)
    return evidence, metrics.softmax(logits).max(1)


def seen(sources: list[ink.Source] | Images) -> Images:
    """What a reader sees of each."""
    return np.stack([ink.to_image(source) for source in sources])


def letters(signs: str, chance: np.random.Generator) -> list[Drawing]:
    """Each sign of each font three times, slanted and with a tremor."""
    fonts, drawn = HersheyFonts(), []
    for font in FONTS:
        fonts.load_default_font(font)
        for sign in signs:
            strokes = [np.array(stroke, float) for stroke in fonts.strokes_for_text(sign)]
            for _ in range(3 if strokes else 0):
                slant = np.array([[1, 0], [chance.uniform(-0.3, 0.3), 1]])
                drawn.append(drawing([s @ slant + chance.normal(0, 0.2, s.shape) for s in strokes]))
    return drawn


def scribble(chance: np.random.Generator) -> Drawing:
    """A pen going to and fro: between points by chance, in rounded turns, or in a hatching."""
    corners, kind = int(chance.integers(6, 25)), chance.integers(3)
    points = chance.uniform(0, 300, (corners, 2))
    if kind == 0:
        points = np.cumsum(chance.normal(0, 60, (corners, 2)), 0)
    elif kind == 1:
        steps = np.linspace(0, corners - 1, corners * 8)
        fine = [np.interp(steps, np.arange(corners), axis) for axis in points.T]
        points = np.stack([np.convolve(axis, np.ones(9) / 9, "valid") for axis in fine], 1)
    else:
        down = np.where(np.arange(corners) % 2, 0, chance.uniform(100, 300))
        points = np.stack([np.linspace(0, 300, corners), down], 1)
        points += chance.normal(0, 12, points.shape)
    return drawing([points])


def several(digits: data.Split, chance: np.random.Generator) -> NDArray[np.uint8]:
    """Two or three digits side by side."""
    chosen = digits.pixels[chance.integers(0, len(digits.labels), chance.integers(2, 4)), 0]
    trimmed = [image[:, image.any(0)] for image in chosen]
    gap = np.zeros((28, int(chance.integers(1, 6))), np.uint8)
    return np.concatenate([part for image in trimmed for part in (gap, image)], 1)


def drawing(strokes: list[NDArray[np.float64]]) -> Drawing:
    """A drawing of strokes `(n, 2)`."""
    return Drawing([[(float(x), float(y)) for x, y in stroke] for stroke in strokes], 1)


def say(name: str, *cells: str) -> None:
    """A line of the table."""
    tell(f"{name:24}" + "".join(f"{cell:>17}" for cell in cells) + "\n")


def tell(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
