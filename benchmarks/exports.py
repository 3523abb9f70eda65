"""What a bundle costs in other forms, and whether it reads the same there.

    python benchmarks/exports.py --rounds 7 --out results/exports.json

C: the bundle that ships is exported with weights of float32 and of 8 bits, compiled by gcc, and
reads MNIST's 10,000 test images, as Python does. Then each round reads the first 1,000 of them one
by one, in turn by C and by ONNX Runtime on one thread; the milliseconds are medians. Where there is
arm-linux-gnueabihf-gcc, the object is compiled for a Cortex-M4 as well. Stack is that of the
functions of inkling.c, without that of math.h. Lines are those that hold no array of numbers.

onnx-int8: the bundle that ships is exported with networks of 8 bits; both read the test part of
MNIST and the dev parts of pen strokes. Then each round reads images one by one, and the first
numbers of UNIPEN's dev writers, in turn by either, on one thread; the milliseconds are medians.

--only names a key of the record to measure; others stay as they are.
"""

import argparse
import dataclasses
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from test_exports import compiled, ran

from inkling import Reader, data, exports, ink, system
from inkling.exports import onnx_int8
from inkling.ink.lines import of_strokes
from inkling.reading import many
from inkling.reading.session import LineSession, Session

WAYS = {"float32": "c", "int8": "c-int8"}
ARRAYS = ("static const weight ", "static const float ")  # how their lines begin
FIRST = 1000  # images that are read one by one
LINES = 200  # numbers, likewise
TARGETS = {
    "x86_64": "gcc -fno-pie",
    "cortex-m4": "arm-linux-gnueabihf-gcc -fno-pie -ffp-contract=fast -mcpu=cortex-m4 -mthumb "
    "-mfloat-abi=hard -mfpu=fpv4-sp-d16",
}


def agreement(program: Path, reader: Reader, part: data.Split) -> dict[str, float]:
    """How C and Python read the same images."""
    found, _ = ran([program], part.pixels)
    expected = many.read(reader, part.images())
    return {
        "labels_equal": int((found["label"] == expected.labels).sum()),
        "accepted_equal": int((found["accepted"] == np.array(expected.accepted)).sum()),
        "probability_gap": float(np.abs(found["probabilities"] - expected.probabilities).max()),
        "score_gap": float(np.abs(found["ood_score"] - expected.ood_scores).max()),
        "accuracy": float((found["label"] == part.labels).mean()),
    }


def sizes(folder: Path) -> dict[str, dict[str, int]]:
    """The bytes of the object and of the stack, for each target whose compiler is here."""
    found = {}
    for target, command in TARGETS.items():
        compiler, *flags = command.split()
        if not shutil.which(compiler):
            continue
        options = [*flags, "-std=c99", "-O2", "-fstack-usage", "-c", "inkling.c"]
        subprocess.run([compiler, *options], check=True, cwd=folder)
        size = compiler.replace("gcc", "size")
        said = subprocess.check_output([size, "inkling.o"], cwd=folder, text=True)
        text, written, zeros = map(int, said.splitlines()[1].split()[:3])
        usage = re.findall(r"\t(\d+)\t", (folder / "inkling.su").read_text())
        stack = sum(map(int, usage))  # of a chain of calls, at most
        found[target] = {"text": text, "data": written, "bss": zeros, "stack": stack}
    return found


def by_onnx_runtime(reader: Reader, images: np.ndarray) -> float:
    """The seconds of an image, one by one on one thread."""
    began = time.perf_counter()
    for image in images[:, None]:
        reader.session.run(image)
    return (time.perf_counter() - began) / len(images)


def in_c(rounds: int) -> dict[str, object]:
    """The record of C."""
    reader, part = Reader.load(), data.splits("mnist").test
    ways: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as name:
        programs = {}
        for way, kind in WAYS.items():
            folder = exports.export(reader, kind, Path(name) / way)
            programs[way] = compiled("gcc", folder)
            lines = (folder / "inkling.c").read_text().splitlines()
            arrays = sum(line.startswith(ARRAYS) for line in lines)
            floats = re.findall(r"float [ab]\[(\d+)\];", (folder / "inkling.h").read_text())
            ways[way] = {
                **agreement(programs[way], reader, part),
                "lines": len(lines) - arrays,
                "memory": 4 * sum(map(int, floats)),
                "sizes": sizes(folder),
            }
        seconds: dict[str, list[float]] = {way: [] for way in (*WAYS, "onnxruntime")}
        for number in range(rounds):
            for way in list(seconds)[:: 1 if number % 2 else -1]:
                if way in programs:
                    _, found = ran([programs[way]], part.pixels[:FIRST])
                else:
                    found = by_onnx_runtime(reader, part.images()[:FIRST])
                seconds[way].append(found)
    milliseconds = {way: round(1e3 * statistics.median(s), 4) for way, s in seconds.items()}
    version = subprocess.check_output(["gcc", "-dumpfullversion"], text=True).strip()
    return {
        "images": len(part.labels),
        **ways,
        "rounds": rounds,
        "milliseconds": milliseconds,
        "c_to_onnxruntime": round(milliseconds["float32"] / milliseconds["onnxruntime"], 2),
        "commit": system.commit(),
        "machine": system.describe(),
        "versions": system.versions("onnxruntime", "numpy") | {"gcc": version},
    }


def in_8_bits(rounds: int) -> dict[str, object]:
    """The record of networks of 8 bits."""
    before, part = Reader.load(), data.splits("mnist").test
    with tempfile.TemporaryDirectory() as name:
        after = Reader.load(exports.export(before, "onnx-int8", Path(name) / "int8"))
        read = [many.read(reader, part.images()) for reader in (before, after)]
        networks = {
            "digits": (before.session, after.session),
            "numbers": (before.lines.session, after.lines.session),
        }
        sources = onnx_int8.compare(before, after)
    numbers = data.items(data.get("unipen"), "numbers-dev")[:LINES]
    lines = [of_strokes(ink.Drawing(item.strokes)).image for item in numbers]
    inputs = {
        "digits": (Session.run, list(part.images()[:FIRST, None])),
        "numbers": (LineSession.log_probabilities, lines),
    }
    return {
        "sources": [dataclasses.asdict(one) for one in sources],
        "labels_equal": int((read[0].labels == read[1].labels).sum()),
        "accepted_equal": int(np.equal(*(found.accepted for found in read)).sum()),
        "probability_gap": float(np.abs(read[0].probabilities - read[1].probabilities).max()),
        "calibration_error": [one.card.test.calibration_error for one in (before, after)],
        "bytes": {key: [len(one.model) for one in pair] for key, pair in networks.items()},
        "rounds": rounds,
        "speed": {key: speed(*inputs[key], pair, rounds) for key, pair in networks.items()},
        "commit": system.commit(),
        "machine": system.describe(),
        "versions": system.versions("onnxruntime", "onnx", "numpy"),
    }


def speed(
    run: Callable[..., object], inputs: list[np.ndarray], pair: Sequence[object], rounds: int
) -> dict[str, float]:
    """The milliseconds of an input by either of two sessions, and how much faster 8 bits are."""
    seconds: list[list[float]] = [[], []]
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            began = time.perf_counter()
            for one in inputs:
                run(pair[which], one)
            if number:  # the first warms up
                seconds[which].append((time.perf_counter() - began) / len(inputs))
    ratio = statistics.median(old / new for old, new in zip(*seconds, strict=True))
    names = ("float32_ms", "int8_ms")
    found = {
        name: round(1e3 * statistics.median(s), 4) for name, s in zip(names, seconds, strict=True)
    }
    return found | {"times_as_fast": round(ratio, 2)}


KEYS = {"c": in_c, "onnx-int8": in_8_bits}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=KEYS, help="the key of the record to measure")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    keys = [options.only] if options.only else list(KEYS)
    record = {key: KEYS[key](options.rounds) for key in keys}
    sys.stdout.write(json.dumps(record, indent=2) + "\n")
    if options.out:
        before = json.loads(options.out.read_text()) if options.out.exists() else {}
        options.out.write_text(json.dumps(before | record, indent=2) + "\n")


if __name__ == "__main__":
    main()
