"""Whether NumPy alone reads what ONNX Runtime reads, how fast, and in how much memory.

    python benchmarks/numpy_engine.py --rounds 9 --out results/numpy_engine.json

Agreement: both engines read MNIST's 10,000 test images, and all digits and numbers of UNIPEN's and
CROHME's dev writers, with the bundle that ships. Time: each round reads, in turn by either and on
one thread, 500 images one by one, 1,000 at once, and 500 digits and 100 numbers of UNIPEN's dev
writers from their strokes; NumPy reads the images on all cores as well. Then it starts a process
for each that reads one digit and ends: seconds are those of its whole life, megabytes its largest
resident memory, and `nothing` is one that only loads what both need. All are medians over rounds.

--only names a key of the record to measure; others stay as they are.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from inkling import Drawing, Reader, data, system
from inkling.reading import many

ENGINES = ("onnxruntime", "numpy")
DIGITS = ("mnist:test", "unipen:digits-dev", "crohme:digits-dev")
NUMBERS = ("unipen:numbers-dev", "crohme:numbers-dev")
ONE_BY_ONE, AT_ONCE, TIMED_NUMBERS = 500, 1000, 100
PROCESS = """
import pathlib, sys
import inkling
seven = inkling.Drawing([[(110, 80), (270, 80), (180, 310)]])
image, load = inkling.to_image(seven), inkling.Reader.load
if sys.argv[1] != "nothing":
    assert load(engine=sys.argv[1]).read(seven).label == 7
said = pathlib.Path("/proc/self/status").read_text()
print(said.partition("VmHWM:")[2].split()[0])  # kB, without those of the process before it
"""


def drawings(part: str) -> list[Drawing]:
    """What was drawn for a part of a data set of strokes."""
    name, _, kind = part.partition(":")
    return [Drawing(item.strokes) for item in data.items(data.get(name), kind)]


def digits_compared(readers: Sequence[Reader], part: str) -> dict[str, Any]:
    """How both read the same digits."""
    split = data.part(part.replace("digits-", ""))
    expected, found = (many.read(reader, split.images()) for reader in readers)
    return {
        "n": len(split),
        "labels_equal": int((found.labels == expected.labels).sum()),
        "accepted_equal": sum(
            a == b for a, b in zip(found.accepted, expected.accepted, strict=True)
        ),
        "probability_gap": float(np.abs(found.probabilities - expected.probabilities).max()),
        "score_gap": float(np.abs(found.ood_scores - expected.ood_scores).max()),
        "accuracy": float((found.labels == split.labels).mean()),
    }


def numbers_compared(readers: Sequence[Reader], part: str) -> dict[str, Any]:
    """How both read the same numbers."""
    pairs = [[reader.read_number(one) for reader in readers] for one in drawings(part)]
    return {
        "n": len(pairs),
        "texts_equal": sum(a.text == b.text for a, b in pairs),
        "accepted_equal": sum(a.accepted == b.accepted for a, b in pairs),
        "confidence_gap": max(abs(a.confidence - b.confidence) for a, b in pairs),
    }


def agreement() -> dict[str, Any]:
    """What both read alike, by source."""
    readers = [Reader.load(engine=name) for name in ENGINES]
    found = {part: digits_compared(readers, part) for part in DIGITS}
    return {"parts": found | {part: numbers_compared(readers, part) for part in NUMBERS}}


def seconds(function: Callable[[Any], Any], given: Sequence[Any]) -> float:
    """Of each of what a function is given, one by one."""
    began = time.perf_counter()
    for one in given:
        function(one)
    return (time.perf_counter() - began) / len(given)


def process(name: str) -> dict[str, float]:
    """The life of a process that reads one digit by an engine."""
    began = time.perf_counter()
    said = subprocess.check_output(
        [sys.executable, "-c", PROCESS, name], env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    )
    return {"process_s": time.perf_counter() - began, "process_mb": int(said) / 1024}


def timed(rounds: int) -> dict[str, Any]:
    """Medians over rounds."""
    readers = {name: Reader.load(engine=name) for name in ENGINES}
    images = data.splits("mnist").test.images()[:AT_ONCE]
    alone = images[:ONE_BY_ONE, None]
    digits, numbers = drawings(DIGITS[1])[:ONE_BY_ONE], drawings(NUMBERS[0])[:TIMED_NUMBERS]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (*ENGINES, "nothing")}
    for number in range(rounds):
        for name in list(found)[:: 1 if number % 2 else -1]:
            values = {}
            if reader := readers.get(name):
                run = reader.session.run
                with threadpool_limits(1):
                    values = {
                        "image_ms": 1e3 * seconds(run, alone),
                        "of_many_ms": 1e3 * seconds(run, [images]) / len(images),
                        "digit_ms": 1e3 * seconds(reader.read, digits),
                        "number_ms": 1e3 * seconds(reader.read_number, numbers),
                    }
                if name == "numpy":
                    values["image_all_cores_ms"] = 1e3 * seconds(run, alone)
            found[name].append(values | process(name))
    medians = {
        name: {key: round(statistics.median(one[key] for one in all_), 3) for key in all_[0]}
        for name, all_ in found.items()
    }
    return {"rounds": rounds, **medians}


KEYS = {"agreement": lambda _: agreement(), "time": timed}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=KEYS, help="the key of the record to measure")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    record = {
        key: KEYS[key](options.rounds)
        | {
            "commit": system.commit(),
            "machine": system.describe(),
            "versions": system.versions("onnxruntime", "numpy", "scipy"),
        }
        for key in ([options.only] if options.only else KEYS)
    }
    sys.stdout.write(json.dumps(record, indent=2) + "\n")
    if options.out:
        before = json.loads(options.out.read_text()) if options.out.exists() else {}
        options.out.write_text(json.dumps(before | record, indent=2) + "\n")


if __name__ == "__main__":
    main()
