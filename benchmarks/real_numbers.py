"""Measures how well numbers that people wrote are read: those of UNIPEN's and CROHME's dev writers.

    python benchmarks/real_numbers.py [BUNDLE] [--known] [--sheet PNG] [--out JSON]

Right is what says just what the label says, signs included. UNIPEN's labels leave thousands commas
out, so commas do not count there; in CROHME's numbers, points were often drawn as commas, so the
two count as one. Prints the share that is right with its Wilson interval, what is accepted and how
much of that is right, the worst writers, and the shares by length and by kind. `--sheet` writes the
misread numbers; below each stands what is read and what the label says. `--known` tells the reader
which kind of number it reads. "Best path" is the share without a search: the likeliest character of
each column.
"""

import argparse
import json
import re
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from inkling import Drawing, acceptance, data, system
from inkling.acceptance import Source, Texts
from inkling.ink.lines import HEIGHT, Line, of_strokes
from inkling.reading import bundle
from inkling.reading.formats import Constraints
from inkling.reading.numbers import ANYTHING, LineReader

PARTS = ("unipen:numbers-dev", "crohme:numbers-dev")
KINDS = {  # each with the format that `--known` gives
    "digits": (r"\d+", r"\d+"),
    "decimal": (r"\d*\.\d+", r"\d*[.,]\d+"),
    "date, fraction": (r"[\d/]+", r"\d+(/\d+)+"),
    "time": (r"[\d:]+", r"\d+(:\d+)+"),
    "telephone": (r"\d[\d-]+", r"\d+(-\d+)+"),
}
SHEET = 1600, 64  # pixels of the sheet's width, and of a row


def main() -> None:
    """Read the numbers of each part, and print what they come to."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("bundle", type=Path, nargs="?", default=bundle.NUMBERS)
    arguments.add_argument("--known", action="store_true")
    arguments.add_argument("--sheet", type=Path)
    arguments.add_argument("--out", type=Path)
    options = arguments.parse_args()
    reader = LineReader.load(options.bundle)
    threshold = reader.threshold()
    report: dict[str, Any] = {}
    misread = []
    for part in PARTS:
        name, _, kind = part.partition(":")
        items = data.items(data.get(name), kind)
        began = time.perf_counter()
        lines = [of_strokes(Drawing(item.strokes)) for item in items]
        labels = [item.label for item in items]
        forms = [KINDS.get(kind_of(label), (None, None))[1] for label in labels]
        known = [Constraints.of(form) if options.known else ANYTHING for form in forms]
        pairs = zip(lines, known, strict=True)
        read = [reader.read(line, threshold, constraints) for line, constraints in pairs]
        seconds = time.perf_counter() - began
        paths = [best_path(reader, line) for line in lines]
        simple = [data.says(name, *each) for each in zip(labels, paths, strict=True)]
        right = [data.says(name, label, one.text) for label, one in zip(labels, read, strict=True)]
        accepted = np.array([bool(one.accepted) for one in read])
        texts = Texts(
            part,
            np.array([one.confidence for one in read]),
            np.array(right),
            np.array([item.writer for item in items]),
        )
        source = acceptance.measure_texts(texts, accepted)
        report[part] = {
            "all": asdict(source),
            "by length": shares([str(len(label)) for label in labels], right),
            "by kind": shares([kind_of(label) for label in labels], right),
            "best path": round(statistics.mean(simple), 4),
            "milliseconds a number": round(1000 * seconds / len(items), 2),
            "characters a number": round(statistics.mean(map(len, labels)), 2),
        }
        sys.stdout.write(described(part, source, report[part]))
        misread += [
            (line.image[0], f"{one.text} not {label}{' ACCEPTED' if one.accepted else ''}")
            for line, one, label, good in zip(lines, read, labels, right, strict=True)
            if not good
        ]
    if options.sheet:
        contact_sheet(misread).save(options.sheet)
    if options.out:
        about = {
            "model_sha256": reader.card.model_sha256,
            "machine": system.describe(),
            "versions": system.versions("numpy", "onnxruntime"),
        }
        options.out.write_text(json.dumps(about | report, indent=2) + "\n")


def described(part: str, source: Source, found: dict[str, Any]) -> str:
    """The figures of one part, in words."""
    low, high = source.interval
    rows = [f"{part}: {source.accuracy:.1%} of {source.n:,} ({low:.1%} to {high:.1%})"]
    if source.accepted_accuracy is not None:
        rows += [f"accepted {source.coverage:.1%}, of which right {source.accepted_accuracy:.2%}"]
    rows.append(
        f"calibration error {source.calibration_error:.2%}; "
        f"worst tenth of writers {source.worst_writers:.1%}; best path {found['best path']:.1%}; "
        f"{found['milliseconds a number']} ms a number"
    )
    for heading in ("by length", "by kind"):
        shown = (f"{key} {share:.1%} of {n}" for key, (share, n) in found[heading].items())
        rows += [f"{heading}: {', '.join(shown)}"]
    return "\n  ".join(rows) + "\n"


def best_path(reader: LineReader, line: Line) -> str:
    """The text of the likeliest character of each column."""
    path = reader.session.log_probabilities(line.image).argmax(1).tolist()
    return "".join(reader.characters[k - 1] for k, _ in groupby(path) if k)


def kind_of(label: str) -> str:
    """What a label is a number of."""
    return next((kind for kind, (form, _) in KINDS.items() if re.fullmatch(form, label)), "others")


def shares(groups: list[str], right: list[bool]) -> dict[str, tuple[float, int]]:
    """The share that is right and the number in each group."""
    found = defaultdict(list)
    for group, good in zip(groups, right, strict=True):
        found[group].append(good)
    order = sorted(found, key=lambda group: (len(group), group))
    return {group: (round(statistics.mean(found[group]), 4), len(found[group])) for group in order}


def contact_sheet(lines: list[tuple[np.ndarray, str]]) -> Image.Image:
    """Lines in rows, each with its caption."""
    width, row = SHEET
    places, x, y = [], 0, 0
    for image, caption in lines:
        wide = max(image.shape[1], 7 * len(caption)) + 12
        if x + wide > width:
            x, y = 0, y + row
        places.append((x, y))
        x += wide
    sheet = Image.new("L", (width, y + row))
    pencil = ImageDraw.Draw(sheet)
    for (image, caption), (x, y) in zip(lines, places, strict=True):
        sheet.paste(Image.fromarray(np.rint(image * 255).astype(np.uint8)), (x, y))
        pencil.text((x + 4, y + HEIGHT + 2), caption, fill=200)
    return sheet


if __name__ == "__main__":
    main()
