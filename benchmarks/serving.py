"""Measures waiting times and sizes of installs, and writes results/serving.json.

    python benchmarks/serving.py [--sizes]

It times the command's help, the start of the server, one reading, and a live message with its
answer. It measures the wheel, and a new environment for each way to install it, from the package
index: base, serve, train. With --sizes, it only prints the sizes.

Run nothing else meanwhile. Compare readings with `network`: that is the time of ONNX Runtime
alone, in the same run.
"""

import argparse
import io
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from websockets.sync.client import connect

from inkling import Drawing, Reader, system, to_image

ROOT = Path(__file__).parent.parent
SEVEN = [
    [(110.0 + 4 * i, 80.0) for i in range(40)] + [(270.0 - 3 * i, 80.0 + 8 * i) for i in range(30)]
]
INSTALLS = {"base": "", "serve": "[serve]", "train": "[train]"}  # and their extras
Milliseconds = dict[str, float | int]


def main() -> None:
    """Measure everything, print and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", action="store_true", help="only print the sizes")
    if parser.parse_args().sizes:
        sys.stdout.write(json.dumps(sizes(), indent=2) + "\n")
        return
    record = {
        "help_seconds": median_seconds([sys.executable, "-m", "inkling", "--help"]),
        "serve_to_ready_seconds": median_of(5, seconds_to_ready),
        "read_milliseconds": readings(),
        "live_round_trip_milliseconds": live_round_trips(),
        **sizes(),
        "machine": system.describe(),
        "versions": system.versions("onnxruntime", "numpy", "pillow", "fastapi", "uvicorn"),
        "commit": system.commit(),
    }
    text = json.dumps(record, indent=2)
    (ROOT / "results" / "serving.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


def median_of(times: int, measure: Callable[[], float]) -> float:
    """The median of so many measurements, after one that does not count."""
    measure()
    return round(statistics.median(measure() for _ in range(times)), 3)


def median_seconds(command: list[str]) -> float:
    """The median seconds of a command."""

    def run() -> float:
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        return time.perf_counter() - began

    return median_of(10, run)


class Server:
    """A running `inkling serve`, as a context manager that gives its address."""

    def __enter__(self) -> str:
        command = [sys.executable, "-m", "inkling", "serve", "--port", "0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        found = re.search(r"http://\S+", self._process.stdout.readline())
        assert found
        return found.group()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()


def seconds_to_ready() -> float:
    """The seconds from the command to the first answer of /readyz."""
    began = time.perf_counter()
    with Server() as address:
        httpx.get(f"{address}/readyz").raise_for_status()
        return time.perf_counter() - began


def milliseconds(call: Callable[[], object], times: int = 2000) -> Milliseconds:
    """Median and 99th percentile of a call's milliseconds."""
    taken = []
    for _ in range(times + 100):
        began = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - began))
    median, p99 = np.percentile(taken[100:], [50, 99])
    return {"median": round(float(median), 4), "p99": round(float(p99), 4), "n": times}


def readings() -> dict[str, Milliseconds]:
    """The times of Reader.read for each kind of source, and of the network alone."""
    reader, file = Reader.load(), io.BytesIO()
    drawing = Drawing(SEVEN)
    small = np.rint(to_image(drawing)[0] * 255).astype(np.uint8)
    canvas = np.zeros((384, 384), np.uint8)
    canvas[52:332, 52:332] = small.repeat(10, 0).repeat(10, 1)
    Image.fromarray(canvas).save(file, "PNG")
    images = to_image(small)[None]
    return {
        "png_384": milliseconds(lambda: reader.read(file.getvalue())),
        "array_28": milliseconds(lambda: reader.read(small)),
        "strokes": milliseconds(lambda: reader.read(drawing)),
        "network": milliseconds(lambda: reader.probabilities(images)),
    }


def live_round_trips() -> Milliseconds:
    """The time of a message of 70 points to the live socket and its answer, over loopback."""
    with Server() as address, connect(address.replace("http", "ws") + "/live") as client:
        message = json.dumps({"id": 1, "strokes": SEVEN, "pen": 30})

        def ask() -> None:
            client.send(message)
            client.recv()

        return milliseconds(ask, times=1000)


def sizes() -> dict[str, float | dict[str, float]]:
    """Megabytes of the wheel, and of a new environment for each of INSTALLS."""
    with tempfile.TemporaryDirectory() as name:
        folder, installed = Path(name), {}
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT], check=True)
        (wheel,) = folder.glob("inkling-*.whl")
        for install, extra in INSTALLS.items():
            venv.create(folder / install, with_pip=False)
            python, constraints = folder / install / "bin" / "python", ROOT / "constraints.txt"
            options = ["--python", python, "install", "-c", constraints, f"{wheel}{extra}"]
            subprocess.run([*pip, *options], check=True)
            files = [path for path in (folder / install).rglob("*") if path.is_file()]
            installed[install] = round(sum(path.lstat().st_size for path in files) / 1e6, 1)
            shutil.rmtree(folder / install)
        return {
            "wheel_megabytes": round(wheel.stat().st_size / 1e6, 3),
            "environment_megabytes": installed,
        }


if __name__ == "__main__":
    main()
