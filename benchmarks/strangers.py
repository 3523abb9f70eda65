"""Measures how a bundle rejects what is no digit, and how far its confidence can be trusted.

    python benchmarks/strangers.py [BUNDLE] [--part validation|test] [--count 1000]
    python benchmarks/strangers.py [BUNDLE] --write-reports

The outliers differ from those of a training (inkling/augmentation/outliers.py): letters and
symbols of Hershey's stroke fonts, with a tremor; scribbles of another kind; two or three digits;
garments of Fashion-MNIST, as a Reader sees them and as published. For each kind it prints

- the area under the ROC curve of the out-of-distribution score, against MNIST's digits,
- the share that a threshold rejects which accepts 99 % of the digits,
- the share that the thresholds of the bundle's card reject.

Then, for digits: how many are accepted, and how many of these are correct; the calibration error;
the coverage and size of label sets. Needs Hershey-Fonts and scikit-image.

With --write-reports, it measures how the bundle reads the pen strokes of people it was not trained
on, the dev parts of CROHME and UNIPEN, and writes these reports into the bundle's card.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from hand import redrawn
from HersheyFonts import HersheyFonts
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from strokes import trace

from inkling import Drawing, Reader, data, ink, metrics
from inkling.files import write_atomically
from inkling.reading import bundle

FONTS = ("futural", "futuram", "cursive", "scripts", "scriptc", "rowmans", "timesr", "timesi")
LETTERS = "ACEFHKLMNPRTUVWXYacdefhkmnprtuvwxy"  # that are unlike any digit
SYMBOLS = "&%$#@?*+="
NUMBER = 1000  # of each kind, at most
SOURCES = {"CROHME dev": "crohme:dev", "UNIPEN dev": "unipen:dev"}  # of the reports
BATCH = 1000  # images read at a time
Images = NDArray[np.float32]


def main() -> None:
    """Make the outliers, read them, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--count", type=int, default=NUMBER, help="images of each kind, at most")
    parser.add_argument("--write-reports", action="store_true", help="add them to the card")
    options = parser.parse_args()
    if options.write_reports:
        write_reports(options.bundle or bundle.PRETRAINED)
        return
    reader, number = Reader.load(options.bundle, threads=2), options.count
    card = reader.card
    if card.acceptance is None:
        sys.exit(
            "Expected a bundle that a validation split has calibrated: train with split=standard"
        )
    acceptance = card.acceptance
    digits = getattr(data.splits("mnist"), options.part)
    garments = getattr(data.splits("fashion-mnist"), options.part).images()[: 5 * number]
    rng = np.random.default_rng(0)
    kinds = {
        "letters": seen(letters(LETTERS, rng)),
        "symbols": seen(letters(SYMBOLS, rng)),
        "scribbles": seen([scribble(rng) for _ in range(number)]),
        "two or three digits": seen([several(digits, rng) for _ in range(number)]),
        "Fashion-MNIST, as read": seen(garments),
        "Fashion-MNIST, published": garments,
    }
    known, labels = reader.session.run(digits.images()), digits.labels
    limit = np.quantile(known.ood_scores, 0.99)
    show("kind", "n", "AUROC", "rejected at 99 %", "by the card")
    for name, images in kinds.items():
        scores = reader.session.run(images).ood_scores
        truth = np.repeat([0, 1], [len(labels), len(images)])
        area = roc_auc_score(truth, np.concatenate([known.ood_scores, scores]))
        shares = (scores > limit).mean(), 1 - reader.accepts(images).mean()
        show(name, f"{len(images):,}", f"{area:.4f}", *(f"{share:.1%}" for share in shares))
    probabilities, accepted = known.probabilities, reader.accepts(digits.images())
    right = probabilities.argmax(1) == labels
    tell(f"\ndigits, n = {len(labels):,}: {accepted.mean():.2%} accepted, of these correct ")
    tell(f"{right[accepted].mean():.3%}; calibration error ")
    tell(f"{metrics.calibration_error(probabilities, labels):.2%}\n")
    traced = [trace(image[0]) for image in digits.images()[:number]]
    drawn = seen([*redrawn(traced, 60, 10), *redrawn(traced, 300, 30)])
    again = np.tile(labels[:number], 2)
    error = metrics.calibration_error(reader.probabilities(drawn), again)
    tell(f"redrawn, n = {len(again):,}: calibration error {error:.2%}\n")
    for level, lowest in acceptance.sets:
        inside = probabilities[np.arange(len(labels)), labels] >= lowest
        size = np.maximum((probabilities >= lowest).sum(1), 1).mean()
        tell(f"label sets at {level:.2%}: {inside.mean():.2%} hold the true label, ")
        tell(f"{size:.3f} labels on average\n")


def write_reports(folder: Path) -> None:
    """Add reports on SOURCES to the card of a bundle; nothing else on it changes."""
    reader, reports = Reader.load(folder), {}
    for name, part in SOURCES.items():
        split = data.part(part)
        batches = np.array_split(split.images(), math.ceil(len(split.labels) / BATCH))
        probabilities = np.concatenate([reader.probabilities(batch) for batch in batches])
        reports[name] = metrics.report(probabilities, split.labels)
        accuracy = (probabilities.argmax(1) == split.labels).mean()
        tell(f"{name}, n = {len(split.labels):,}: {accuracy:.2%} read correctly\n")
    values = {"schema_version": bundle.SCHEMA_VERSION, "reports": reader.card.reports | reports}
    card = reader.card.model_copy(update=values).model_dump_json(indent=2, exclude_unset=True)
    write_atomically(bundle.find(folder) / bundle.CARD, card.encode() + b"\n")


def seen(sources: list[ink.Source] | Images) -> Images:
    """The images `(N, 1, 28, 28)` that a Reader sees of these sources."""
    return np.stack([ink.to_image(source) for source in sources])


def letters(signs: str, rng: np.random.Generator) -> list[Drawing]:
    """Each sign of each font three times, slanted, with a tremor."""
    fonts, drawn = HersheyFonts(), []
    for font in FONTS:
        fonts.load_default_font(font)
        for sign in signs:
            strokes = [np.array(stroke, float) for stroke in fonts.strokes_for_text(sign)]
            for _ in range(3 if strokes else 0):
                slant = np.array([[1, 0], [rng.uniform(-0.3, 0.3), 1]])
                drawn.append(drawing([s @ slant + rng.normal(0, 0.2, s.shape) for s in strokes]))
    return drawn


def scribble(rng: np.random.Generator) -> Drawing:
    """A scribble: a random walk, rounded turns or a hatching."""
    corners, kind = int(rng.integers(6, 25)), rng.integers(3)
    points = rng.uniform(0, 300, (corners, 2))
    if kind == 0:
        points = np.cumsum(rng.normal(0, 60, (corners, 2)), 0)
    elif kind == 1:
        steps = np.linspace(0, corners - 1, corners * 8)
        fine = [np.interp(steps, np.arange(corners), axis) for axis in points.T]
        points = np.stack([np.convolve(axis, np.ones(9) / 9, "valid") for axis in fine], 1)
    else:
        down = np.where(np.arange(corners) % 2, 0, rng.uniform(100, 300))
        points = np.stack([np.linspace(0, 300, corners), down], 1)
        points += rng.normal(0, 12, points.shape)
    return drawing([points])


def several(digits: data.Split, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Two or three digits side by side."""
    chosen = digits.pixels[rng.integers(0, len(digits.labels), rng.integers(2, 4)), 0]
    trimmed = [image[:, image.any(0)] for image in chosen]
    gap = np.zeros((28, int(rng.integers(1, 6))), np.uint8)
    return np.concatenate([part for image in trimmed for part in (gap, image)], 1)


def drawing(strokes: list[NDArray[np.float64]]) -> Drawing:
    """A drawing of strokes `(n, 2)`."""
    return Drawing([[(float(x), float(y)) for x, y in stroke] for stroke in strokes], 1)


def show(name: str, *cells: str) -> None:
    """Print a line of the table."""
    tell(f"{name:24}" + "".join(f"{cell:>17}" for cell in cells) + "\n")


def tell(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
