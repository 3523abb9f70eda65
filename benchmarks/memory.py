"""Measures the memory that each command takes at its peak, and its seconds.

    python benchmarks/memory.py [--drawings 100000] [--only NAME ...] [--out results/memory.json]

Each command runs as a process of its own. Its peak is the resident memory of that process and its
children, summed and sampled every five milliseconds, or of one of them alone as Linux kept it
(VmHWM) where that is more. Shared pages count in each process. Drawings are synthetic; 100,000
are exported, 1,000 and 10,000 taught. The photographs have grain, at JPEG's quality 85. Pandas is
hidden: where it is installed, pyarrow imports it, and an export to Parquet takes 40 MB more.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
from PIL import Image, ImageDraw

from inkling import system
from inkling.augmentation import handwriting
from inkling.drawings import Labelled, Store
from inkling.drawings.store import is_held_out

SAMPLED = 0.005  # seconds
FORMS = 2000  # different drawings; a store holds them again and again
WRITERS = 100
HEIGHT, PEN = 200, 20  # of a drawing, in pixels of the page's canvas
PHOTOGRAPHS = {"12": (4000, 3000), "48": (8000, 6000), "108": (12000, 9000)}  # megapixels, pixels
TILE = 1000  # pixels a side of the grain, which is repeated
REQUESTS = 50  # of each kind, to a server
COMMANDS = {  # what the command line gets; {} are files that `made` makes
    "nothing": ["--version"],
    "read drawing": ["read", "{drawing}"],
    **{f"read {size} MP": ["read", f"{{{size}}}"] for size in PHOTOGRAPHS},
    "read 48 MP progressive": ["read", "{48-progressive}"],
    "read 48 MP PNG": ["read", "{48-png}"],
    "teach 1000": ["teach", "--json", "--drawings", "sqlite:///{store-1000}"],
    "teach 10000": ["teach", "--json", "--drawings", "sqlite:///{store-10000}"],
    "train sprint": ["train", "sprint", "--json", "--out", "{run}"],
    **{
        f"export {form}": [
            *("drawings", "export", "{exported}", "--as", form),
            *("--drawings", "sqlite:///{store}"),
        ]
        for form in ("idx", "png", "parquet", "jsonl")
    },
    "serve": ["serve", "--port", "0", "--workers", "1", "--drawings", "sqlite:///{store-1000}"],
}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drawings", type=int, default=100_000)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {name: measured(name, options.drawings) for name in options.only}
    record = {
        "what": "resident memory of a command and its children at the peak",
        "n": options.drawings,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "commands": found,
        "commit": system.commit(),
        "machine": system.describe(),
        "versions": system.versions("inkling", "torch", "numpy", "onnxruntime", "pillow"),
    }
    if options.out:
        options.out.write_text(json.dumps(record, indent=2) + "\n")


def measured(name: str, drawings: int) -> dict[str, float | int | str]:
    """One command: megabytes at the peak, seconds, its exit code, and what it said last."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [made(word, Path(folder), drawings) for word in COMMANDS[name]]
        (Path(folder) / "pandas.py").write_text("raise ImportError")
        environment = os.environ | {system.HOME: f"{folder}/home", "PYTHONPATH": folder}
        said = Path(folder) / "said"
        with said.open("wb") as out:
            began = time.perf_counter()
            process = psutil.Popen(
                [sys.executable, "-m", "inkling", *arguments],
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            peak = Peak(process)
            if name == "serve":
                with contextlib.closing(asked(said, peak)) as requests:
                    for _ in requests:
                        peak.sample()
                process.send_signal(signal.SIGTERM)
            while process.poll() is None:
                peak.sample()
                time.sleep(SAMPLED)
            seconds = time.perf_counter() - began
        last = (said.read_text().splitlines() or [""])[-1].replace(folder, "")
    found = {
        "megabytes": round(peak.bytes / 1e6),
        "seconds": round(seconds, 2),
        "exit": process.returncode,
        "said": last[:200],
    }
    sys.stdout.write(f"{name:24}{found['megabytes']:6,} MB {seconds:7.2f} s  {last[:60]}\n")
    sys.stdout.flush()
    return found


class Peak:
    """The most memory that a process and its children have had together."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.bytes = 0

    def sample(self) -> None:
        """Look once."""
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            tree = [self.process, *self.process.children(recursive=True)]
            kept = [memory_of(process.pid) for process in tree]
            together = sum(now for now, _ in kept)
            self.bytes = max(self.bytes, together, *(most for _, most in kept))


def memory_of(pid: int) -> tuple[int, int]:
    """Bytes of a process in memory: now, and at its peak so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = dict(line.split(":", 1) for line in status.splitlines())
    return tuple(  # type: ignore[return-value]  # a process that has just ended has none
        int(found.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "VmHWM")
    )


def asked(said: Path, peak: Peak) -> Iterator[int]:
    """Send requests to a server that is about to start: readings, and the list of drawings."""
    while "http://" not in said.read_text():
        if peak.process.poll() is not None:
            sys.exit(said.read_text())
        peak.sample()
        time.sleep(SAMPLED)
        yield 0
    port = int(said.read_text().rpartition(":")[2].strip("/ \n"))
    strokes = [
        [[110 + 3 * i, 80] for i in range(26)],
        [[185 - 2 * i, 80 + 8 * i] for i in range(26)],
    ]
    body = json.dumps({"strokes": strokes, "pen": 30})
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(REQUESTS):
        for method, path in (("POST", "/api/read"), ("GET", "/api/drawings"), ("GET", "/")):
            json_too = {"Content-Type": "application/json"} if method == "POST" else {}
            connection.request(method, path, body if json_too else None, json_too)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                sys.exit(f"{path}: {answer.status}")
            yield 1


def made(word: str, folder: Path, drawings: int) -> str:
    """An argument, with the file that it names made."""
    before, _, named = word.partition("{")
    if not named:
        return word
    name = named.removesuffix("}")
    path = folder / name
    kind, _, more = name.partition("-")
    if kind == "store":
        fill(path, int(more or drawings))
    elif kind == "drawing":
        path = path.with_suffix(".png")
        photograph((280, 280), noise=0).save(path)
    elif kind in PHOTOGRAPHS:
        picture = photograph(PHOTOGRAPHS[kind])
        path = path.with_suffix(".png" if more == "png" else ".jpg")
        options = {} if more == "png" else {"quality": 85, "progressive": more == "progressive"}
        picture.save(path, **options)
    return before + str(path)


def photograph(size: tuple[int, int], noise: float = 4) -> Image.Image:
    """A 7 on lit paper, with grain."""
    width, height = size
    rng = np.random.default_rng(0)
    grain = rng.normal(0, noise, (TILE, TILE, 1)).repeat(3, 2)
    light = np.linspace(225, 180, width)[None, :, None]
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, TILE):  # a part at a time: the whole is up to 324 MB of bytes
        part = pixels[top : top + TILE]
        rows, columns = part.shape[:2]
        tiled = np.tile(grain, (1, -(-columns // TILE), 1))[:rows, :columns]
        part[:] = np.rint(light + tiled).clip(0, 255)
    picture = Image.fromarray(pixels)
    unit = height / 10
    corners = [(4 * unit, 3 * unit), (7 * unit, 3 * unit), (5 * unit, 7 * unit)]
    pen = round(height / 40)
    ImageDraw.Draw(picture).line(corners, (30, 30, 60), pen, joint="curve")
    return picture


def fill(path: Path, count: int) -> None:
    """A store of so many drawings of digits, of several writers."""
    rng = np.random.default_rng(0)
    forms = []
    for index in range(min(FORMS, count)):
        strokes = [np.asarray(points) * HEIGHT for points in handwriting.written(index % 10, rng)]
        forms.append([[list(map(float, p.round(1))) for p in points] for points in strokes])
    store = Store(f"sqlite:///{path}")
    store.add_all(
        Labelled(
            index % 10,
            index % 10,
            float(rng.uniform(0.5, 1)),
            -5.0,
            True,
            "0" * 64,
            strokes=forms[index % len(forms)],
            pen=PEN,
            session=f"writer {index // 10 % WRITERS}",
            held_out=is_held_out(index // 10),
        )
        for index in range(count)
    )
    store.close()


if __name__ == "__main__":
    main()
