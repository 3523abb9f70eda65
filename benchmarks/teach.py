"""What teaching does for hands that write an unusual 1, 4, 7 and 9; writes results/teach.json.

    pip install -e '.[dev]'; python benchmarks/teach.py [--hands 8]

A hand is made up: its slant, its pen, and one habit for each of those four digits, none of them
a form of hands.py. The other digits are strokes of MNIST's validation images, slanted alike, since
the network has not learnt from those. Five drawings of each digit are kept in a store of their own,
then `inkling teach` runs as a user runs it; 50 others of each digit say what it was worth.
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
from inkling.drawings.store import Labelled, Store
from inkling.ink.image import Drawing
from inkling.reading.reader import Reader

TAUGHT, FRESH = 5, 50  # drawings of each digit
HEIGHT, LEFT, TOP = 200, 90, 90  # of a digit on the page's sheet, and where it lies
HABITS = {  # strokes as in handwriting.FORMS, which has none of these
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
class Hand:
    """How one person writes."""

    slant: float  # to the right, for each unit up
    pen: float
    habits: dict[int, str]

    def draw(self, digit: int, chance: np.random.Generator, images: data.Split) -> Drawing:
        """One drawing of a digit, bent by chance."""
        if digit in self.habits:
            unit = handwriting.bend(self.habits[digit], chance)
            strokes = [stroke * HEIGHT * (chance.uniform(0.55, 0.9), 1) for stroke in unit]
        else:
            index = chance.choice(np.flatnonzero(images.labels == digit))
            strokes = [stroke * 10 for stroke in trace(images.images()[index, 0])]

        def placed(points: NDArray[np.float64]) -> list[tuple[float, float]]:
            x, y = points.T
            return list(zip(x + self.slant * (HEIGHT / 2 - y) + LEFT, y + TOP, strict=True))

        return Drawing([placed(stroke) for stroke in strokes], self.pen)


def make_hand(chance: np.random.Generator) -> Hand:
    """One person, by chance."""
    habits = {digit: str(chance.choice(forms)) for digit, forms in HABITS.items()}
    return Hand(chance.uniform(-0.4, 0.4), chance.uniform(12, 40), habits)


def measure(number: int, images: data.Split) -> dict:
    """Teach one hand: what was read wrongly before and after, and how long it took."""
    chance = np.random.default_rng(np.random.SeedSequence([2026, number]))
    hand = make_hand(chance)
    labels = np.repeat(np.arange(10), TAUGHT)
    fresh = np.repeat(np.arange(10), FRESH)
    reader = Reader.load()
    with tempfile.TemporaryDirectory() as home:
        store = Store(f"sqlite:///{home}/drawings.sqlite")
        for label in labels:
            drawing = hand.draw(int(label), chance, images)
            reading = reader.read(drawing)
            kept = Labelled(
                int(label),
                reading.label,
                reading.confidence,
                reading.evidence,
                reading.accepted,
                reader.card.model_sha256,
                strokes=[[list(point) for point in stroke] for stroke in drawing.strokes],
                pen=drawing.pen,
            )
            store.add(kept)
        store.close()
        drawings = [hand.draw(int(label), chance, images) for label in fresh]
        command = [sys.executable, "-m", "inkling", "teach", "--json", "--name", "hand"]
        command += ["--drawings", f"sqlite:///{home}/drawings.sqlite"]
        began = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {system.HOME: home}
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            sys.exit(done.stderr)
        outcome = json.loads(done.stdout.splitlines()[-1])
        taught = Reader.load(outcome["bundle"])
        wrong, refused = {}, {}
        for name, used in (("before", reader), ("after", taught)):
            readings = used.read_many(drawings)
            wrong[name] = sum(r.label != label for r, label in zip(readings, fresh, strict=True))
            refused[name] = sum(not r.accepted for r in readings)
    return {
        "hand": {"slant": round(hand.slant, 3), "pen": round(hand.pen, 1), "habits": hand.habits},
        "n": len(fresh),
        "wrong": {name: int(count) for name, count in wrong.items()},
        "refused": refused,
        "served": outcome["better"],
        "why": outcome["why"],
        "seconds": round(seconds, 2),
        "before": outcome["before"],
        "after": outcome["after"],
    }


def main() -> None:
    """Teach several hands, one after another."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--hands", type=int, default=8)
    count = options.parse_args().hands
    images = data.splits("mnist").validation
    found = []
    for number in range(count):
        found.append(measure(number, images))
        last = found[-1]
        sys.stdout.write(
            f"hand {number}: wrong of {last['n']}: {last['wrong']['before']} -> "
            f"{last['wrong']['after']}, {last['seconds']:.1f} s, served: {last['served']}\n"
        )
    before, after = (sum(one["wrong"][when] for one in found) for when in ("before", "after"))
    record = {
        "what": "teaching hands with an unusual 1, 4, 7 and 9, five drawings of each digit",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": system.commit(),
        "machine": system.describe(),
        "versions": system.versions("inkling", "torch", "numpy", "onnxruntime"),
        "hands": count,
        "wrong_before": before,
        "wrong_after": after,
        "errors_left": round(after / before, 4),
        "served": sum(one["served"] for one in found),
        "seconds_median": float(np.median([one["seconds"] for one in found])),
        "seconds_most": max(one["seconds"] for one in found),
        "mnist_test_lost": float(
            np.mean([one["before"]["test"] - one["after"]["test"] for one in found])
        ),
        "of_each": found,
    }
    Path("results/teach.json").write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(f"{after / before:.0%} of the errors are left; record results/teach.json\n")


if __name__ == "__main__":
    main()
