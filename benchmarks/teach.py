"""Measures fine-tuning for handwritings with an unusual 1, 4, 7 and 9.

    pip install -e '.[dev]'; python benchmarks/teach.py [--writers 8]

The writers are synthetic. Each has a slant, a pen, and a form of its own for each of these four
digits, none of which is among the forms of inkling/augmentation/handwriting.py. The other digits
are traced from MNIST's validation images, which the network has not learnt from, and are slanted
as well. Five drawings of each digit go into a store. Then `inkling teach` runs, as a user runs it.
Fifty other drawings of each digit are read before and after. Writes results/teach.json if there
are eight writers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from strokes import trace

from inkling import data, system
from inkling.augmentation import handwriting
from inkling.drawings import Labelled, Store
from inkling.ink import Drawing
from inkling.reading.reader import Reader

LEARNT, FRESH = 5, 50  # drawings of each digit: to learn from, and to measure by
WRITERS = 8  # of a record
HEIGHT, LEFT, TOP = 200, 90, 90  # of a digit, in pixels of the page's canvas
HABITS = {  # strokes, written as in handwriting.FORMS, which has none of them
    1: (
        "5,100 50,0; 50,0 60,100",
        "30,30 55,0 60,50 45,100 25,90 45,75 80,85",
        "0,40 50,0; 50,0 50,100; 0,100 100,100",
        "20,20 60,0 55,60 60,95 90,85",
    ),
    4: (
        "30,0 25,30 35,50 60,52 80,40; 85,0 80,40 70,75 45,100 20,90",
        "70,100 72,40 65,0 20,55 15,70 50,72 95,68",
        "10,0 10,50; 10,50 90,50; 90,0 90,100",
        "45,0 10,55 35,65 85,60; 65,30 60,70 70,95 95,85",
    ),
    7: (
        "5,30 10,5 90,5; 90,5 55,55 60,100; 20,60 95,40",
        "10,10 30,0 50,12 85,5 70,35 55,60 30,55 50,45 45,100",
        "0,0 100,0; 100,0 100,100; 60,50 100,50",
        "0,25 20,5 60,15 100,0 60,50 40,95 60,100 80,90",
    ),
    9: (
        "80,20 50,0 15,20 25,45 60,40 82,15; 82,15 80,70 55,100 20,95 15,75 50,70 90,80",
        "70,5 30,5 20,35 50,50 80,30 70,5 85,50 60,95 20,85",
        "90,50 10,50; 10,50 10,0; 10,0 90,0; 90,0 90,100; 90,100 0,100",
        "95,5 60,0 25,12 20,35 50,45 85,20 90,0 70,60 65,100 90,95",
    ),
}


@dataclass(frozen=True)
class Writer:
    """How a person writes."""

    slant: float  # to the right, per unit up
    pen: float  # pixels of the canvas
    habits: dict[int, str]  # digit -> its form

    def draw(self, digit: int, rng: np.random.Generator, images: data.Split) -> Drawing:
        """A drawing of a digit: its form deformed at random, or a random digit of MNIST traced."""
        if digit in self.habits:
            unit = handwriting.deform(self.habits[digit], rng)
            strokes = [stroke * HEIGHT * (rng.uniform(0.55, 0.9), 1) for stroke in unit]
        else:
            index = rng.choice(np.flatnonzero(images.labels == digit))
            strokes = [stroke * 10 for stroke in trace(images.images()[index, 0])]

        def placed(points: NDArray[np.float64]) -> list[tuple[float, float]]:
            x, y = points.T
            return list(zip(x + self.slant * (HEIGHT / 2 - y) + LEFT, y + TOP, strict=True))

        return Drawing([placed(stroke) for stroke in strokes], self.pen)


def make_writer(rng: np.random.Generator) -> Writer:
    """A random writer."""
    habits = {digit: str(rng.choice(forms)) for digit, forms in HABITS.items()}
    return Writer(rng.uniform(-0.4, 0.4), rng.uniform(12, 40), habits)


def measure(number: int, images: data.Split) -> dict:
    """Fine-tune for one writer: what is misread before and after, and the seconds it takes."""
    rng = np.random.default_rng(np.random.SeedSequence([2026, number]))
    writer = make_writer(rng)
    labels = np.repeat(np.arange(10), LEARNT)
    fresh = np.repeat(np.arange(10), FRESH)
    reader = Reader.load()
    with tempfile.TemporaryDirectory() as home:
        store = Store(f"sqlite:///{home}/drawings.sqlite")
        for label in labels:
            drawing = writer.draw(int(label), rng, images)
            reading = reader.read(drawing)
            labelled = Labelled(
                int(label),
                reading.label,
                reading.confidence,
                reading.ood_score,
                reading.accepted,
                reader.card.model_sha256,
                strokes=[[list(point) for point in stroke] for stroke in drawing.strokes],
                pen=drawing.pen,
            )
            store.add(labelled)
        store.close()
        drawings = [writer.draw(int(label), rng, images) for label in fresh]
        command = [sys.executable, "-m", "inkling", "teach", "--json", "--name", "writer"]
        command += ["--drawings", f"sqlite:///{home}/drawings.sqlite"]
        began = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {system.HOME: home}
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            sys.exit(done.stderr)
        outcome = json.loads(done.stdout.splitlines()[-1])
        tuned = Reader.load(outcome["bundle"])
        wrong, rejected = {}, {}
        for name, used in (("before", reader), ("after", tuned)):
            readings = used.read_many(drawings)
            wrong[name] = sum(r.label != label for r, label in zip(readings, fresh, strict=True))
            rejected[name] = sum(not r.accepted for r in readings)
    return {
        "writer": {
            "slant": round(writer.slant, 3),
            "pen": round(writer.pen, 1),
            "habits": writer.habits,
        },
        "n": len(fresh),
        "wrong": {name: int(number) for name, number in wrong.items()},
        "rejected": rejected,
        "served": outcome["better"],
        "why": outcome["why"],
        "seconds": round(seconds, 2),
        "before": outcome["before"],
        "after": outcome["after"],
    }


def main() -> None:
    """Fine-tune for one writer after the other, print the results and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writers", type=int, default=WRITERS)
    writers = parser.parse_args().writers
    images = data.splits("mnist").validation
    found = []
    for number in range(writers):
        found.append(measure(number, images))
        last = found[-1]
        sys.stdout.write(
            f"writer {number}: wrong of {last['n']}: {last['wrong']['before']} -> "
            f"{last['wrong']['after']}, {last['seconds']:.1f} s, served: {last['served']}\n"
        )
    before, after = (sum(one["wrong"][when] for one in found) for when in ("before", "after"))
    record = {
        "what": "fine-tuning for writers of an unusual 1, 4, 7 and 9, five drawings of each digit",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": system.commit(),
        "machine": system.describe(),
        "versions": system.versions("inkling", "torch", "numpy", "onnxruntime"),
        "writers": writers,
        "wrong_before": before,
        "wrong_after": after,
        "errors_left": round(after / before, 4),
        "served": sum(one["served"] for one in found),
        "seconds_median": float(np.median([one["seconds"] for one in found])),
        "seconds_max": max(one["seconds"] for one in found),
        "mnist_test_lost": float(
            np.mean([one["before"]["test"] - one["after"]["test"] for one in found])
        ),
        "of_each": found,
    }
    sys.stdout.write(f"{after / before:.0%} of the errors are left\n")
    if writers == WRITERS:
        path = Path(__file__).parent.parent / "results" / "teach.json"
        path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
