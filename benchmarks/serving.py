"""Measure what a user waits for, and write results/serving.json.

    python benchmarks/serving.py

The command's help, the start of the server, one reading, a live message there and back, and
the sizes of the wheel and of an environment with the base install (made anew, from the package
index). Time nothing else meanwhile; compare readings with `network`, the part of them that
ONNX Runtime alone takes in the same run.
"""

import io
import json
import re
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
Milliseconds = dict[str, float | int]


def main() -> None:
    """Measure all, print and write the record."""
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
    """The median of some measurements, after one that does not count."""
    measure()
    return round(statistics.median(measure() for _ in range(times)), 3)


def median_seconds(command: list[str]) -> float:
    """The seconds a command takes."""

    def run() -> float:
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        return time.perf_counter() - began

    return median_of(10, run)


class Server:
    """A running `inkling serve`: a context manager that gives its address."""

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
    """From the command to the first answer that a digit can be read."""
    began = time.perf_counter()
    with Server() as address:
        httpx.get(f"{address}/readyz").raise_for_status()
        return time.perf_counter() - began


def milliseconds(call: Callable[[], object], times: int = 2000) -> Milliseconds:
    """Median and 99th percentile of a call."""
    taken = []
    for _ in range(times + 100):
        began = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - began))
    median, p99 = np.percentile(taken[100:], [50, 99])
    return {"median": round(float(median), 4), "p99": round(float(p99), 4), "n": times}


def readings() -> dict[str, Milliseconds]:
    """One Reader.read of each kind, and the network's share of it."""
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
    """A message of 70 points to the live socket and its answer, over loopback."""
    with Server() as address, connect(address.replace("http", "ws") + "/live") as client:
        message = json.dumps({"id": 1, "strokes": SEVEN, "pen": 30})

        def ask() -> None:
            client.send(message)
            client.recv()

        return milliseconds(ask, times=1000)


def sizes() -> dict[str, float]:
    """Megabytes of the wheel, and of an environment in which it and its base are installed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, ROOT], check=True)
        (wheel,) = folder.glob("inkling-*.whl")
        venv.create(folder / "base", with_pip=False)
        constraints = ROOT / "constraints.txt"
        python = folder / "base" / "bin" / "python"
        subprocess.run([*pip, "--python", python, "install", "-c", constraints, wheel], check=True)
        files = [path for path in (folder / "base").rglob("*") if path.is_file()]
        installed = sum(path.lstat().st_size for path in files)
        return {
            "wheel_megabytes": round(wheel.stat().st_size / 1e6, 3),
            "base_environment_megabytes": round(installed / 1e6, 1),
        }


if __name__ == "__main__":
    main()
