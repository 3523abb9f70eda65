"""What a bundle costs in other forms, and whether it reads the same there.

    python benchmarks/exports.py --rounds 7 --out results/exports.json

C: the bundle that ships is exported with weights of float32 and of 8 bits, compiled by gcc, and
reads MNIST's 10,000 test images, as Python does. Then each round reads the first 1,000 of them one
by one, in turn by C and by ONNX Runtime on one thread; the milliseconds are medians. Where there is
arm-linux-gnueabihf-gcc, the object is compiled for a Cortex-M4 as well. Stack is that of the
functions of inkling.c, without that of math.h. Lines are those that hold no array of numbers. Other
keys of the record stay as they are.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from test_exports import compiled, ran

from inkling import Reader, data, exports, system
from inkling.reading import many

WAYS = {"float32": "c", "int8": "c-int8"}
ARRAYS = ("static const weight ", "static const float ")  # how their lines begin
FIRST = 1000  # images that are read one by one
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


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    record = {"c": in_c(options.rounds)}
    sys.stdout.write(json.dumps(record, indent=2) + "\n")
    if options.out:
        before = json.loads(options.out.read_text()) if options.out.exists() else {}
        options.out.write_text(json.dumps(before | record, indent=2) + "\n")


if __name__ == "__main__":
    main()
