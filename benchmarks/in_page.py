"""Whether inkling-js reads in Chromium what Python reads, how fast, and how many bytes it takes.

    npm install --prefix /tmp/peer onnxruntime-web
    python benchmarks/in_page.py --peer /tmp/peer --rounds 7 --out results/in_page.json

Agreement: a page reads MNIST's 10,000 test images, and all digits and numbers of UNIPEN's and
CROHME's dev writers from their strokes, with weights of 16 bits and of 8 bits. Python reads the
same with the bundle that ships. Time: each round opens a browser's context without a cache, loads
modules and weights from a web host on this machine, and reads a digit: that is the first reading.
Then it reads 500 digits and 100 numbers from strokes, and 500 images, one by one. ONNX Runtime Web
does the same with the images: its WebAssembly on one thread, in the same round. Milliseconds are
medians over the rounds. Bytes are those of gzip, of what a page loads.
"""

import argparse
import gzip
import json
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from conftest import hosting

from inkling import Drawing, Reader, data, exports, system
from inkling.exports import js
from inkling.reading import many

WAYS = {"int16": "js", "int8": "js-int8"}
DIGITS, NUMBERS = (
    ("unipen:digits-dev", "crohme:digits-dev"),
    ("unipen:numbers-dev", "crohme:numbers-dev"),
)
TIMED_DIGITS, TIMED_NUMBERS = 500, 100
PEER_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
BATCH = 2000  # items that a page reads in one call

ASK = """async ([name, given]) => (await import("./in_page.js"))[name](given)"""


def read_in_page(page: Page, way: str, kind: str, length: int) -> list[Any]:
    """What the page says of each of `length` items."""
    found = []
    for first in range(0, length, BATCH):
        found += page.evaluate(ASK, ["read", [way, kind, first, min(first + BATCH, length)]])
    return found


def digits_compared(found: Sequence[Any], readings: many.Readings, labels: Any) -> dict[str, Any]:
    """How a page and Python read the same digits."""
    here = np.array([one[0] for one in found])
    probabilities = np.array([one[3:] for one in found])
    return {
        "n": len(found),
        "labels_equal": int((here == readings.labels).sum()),
        "accepted_equal": int((np.array([one[1] for one in found]) == readings.accepted).sum()),
        "probability_gap": float(np.abs(probabilities - readings.probabilities).max()),
        "score_gap": float(np.abs(np.array([one[2] for one in found]) - readings.ood_scores).max()),
        "accuracy": float((here == labels).mean()),
        "accuracy_in_python": float((readings.labels == labels).mean()),
    }


def numbers_compared(found: Sequence[Any], reader: Reader, part: str) -> dict[str, Any]:
    """How a page and Python read the same numbers."""
    name, _, kind = part.partition(":")
    items = data.items(data.get(name), kind)
    expected = [reader.read_number(Drawing(item.strokes)) for item in items]
    pairs = list(zip(found, expected, strict=True))
    right = [data.says(name, item.label, one[0]) for item, one in zip(items, found, strict=True)]
    in_python = [
        data.says(name, item.label, one.text) for item, one in zip(items, expected, strict=True)
    ]
    return {
        "n": len(items),
        "texts_equal": sum(here[0] == one.text for here, one in pairs),
        "accepted_equal": sum(here[1] == one.accepted for here, one in pairs),
        "confidence_gap": max(
            abs(here[2] - one.confidence) for here, one in pairs if here[0] == one.text
        ),
        "accuracy": float(np.mean(right)),
        "accuracy_in_python": float(np.mean(in_python)),
    }


def agreement(page: Page, way: str, reader: Reader) -> dict[str, Any]:
    """What a page and Python read alike, by source."""
    test = data.splits("mnist").test
    found = read_in_page(page, way, "images", len(test.labels))
    record = {"mnist:test": digits_compared(found, many.read(reader, test.images()), test.labels)}
    for part in DIGITS:
        split = data.part(part.replace("digits-", ""))
        found = read_in_page(page, way, part, len(split.labels))
        readings = many.read(reader, split.images())
        record[part] = digits_compared(found, readings, split.labels)
    for part in NUMBERS:
        name, _, kind = part.partition(":")
        found = read_in_page(page, way, part, len(data.items(data.get(name), kind)))
        record[part] = numbers_compared(found, reader, part)
    return record


def packed(files: Iterable[Path]) -> int:
    """Bytes of files, each packed by gzip."""
    return sum(len(gzip.compress(file.read_bytes(), 9, mtime=0)) for file in files)


def loaded_by(module: Path) -> set[Path]:
    """A module and all that a page loads with it."""
    names = re.findall(r'from "\./(.+?)"', module.read_text())
    return {module}.union(*(loaded_by(module.parent / name) for name in names))


def lay_out(folder: Path, reader: Reader, peer: Path | None) -> dict[str, int]:
    """Put what the page loads into a folder; gives the packed bytes of each way."""
    (folder / "index.html").write_text("<!doctype html><title>inkling-js</title>")
    shutil.copy(Path(__file__).with_suffix(".js"), folder)
    shutil.copytree(js.PACKAGE, folder / "inkling-js")
    sizes = {"modules": packed(loaded_by(folder / "inkling-js" / "index.js"))}
    for way, kind in WAYS.items():
        written = exports.export(reader, kind, folder / way)
        sizes[way] = packed(written / name for name in (js.MODEL, js.WEIGHTS))
    (folder / "images.bin").write_bytes(data.splits("mnist").test.pixels.tobytes())
    for part in (*DIGITS, *NUMBERS):
        name, _, kind = part.partition(":")
        items = data.items(data.get(name), kind)
        drawn = [[stroke.tolist() for stroke in item.strokes] for item in items]
        (folder / f"{part}.json").write_text(json.dumps(drawn))
    if peer:
        (folder / "ort").mkdir()
        for name in PEER_FILES:
            shutil.copy(peer / "node_modules/onnxruntime-web/dist" / name, folder / "ort")
        network = exports.export(reader, "onnx", folder / "digits.onnx")
        sizes["onnxruntime-web"] = packed([*(folder / "ort").iterdir(), network])
    return sizes


def times(browser: Browser, host: str, rounds: int, peer: Path | None) -> dict[str, Any]:
    """Median milliseconds over rounds."""
    found: dict[str, list[dict[str, float]]] = {}
    ways = [*WAYS, *(["onnxruntime-web"] if peer else [])]
    for number in range(rounds):
        for way in ways[:: 1 if number % 2 else -1]:
            context = browser.new_context()
            page = context.new_page()
            page.goto(host)
            name = "timed" if way in WAYS else "timedPeer"
            given = [way, TIMED_DIGITS, TIMED_NUMBERS]
            found.setdefault(way, []).append(page.evaluate(ASK, [name, given]))
            context.close()
    return {
        way: {name: round(statistics.median(one[name] for one in all_), 3) for name in all_[0]}
        for way, all_ in sorted(found.items())
    }


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", type=Path, help="a folder with node_modules/onnxruntime-web")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    reader = Reader.load()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        sizes = lay_out(Path(name), reader, options.peer)
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox"]
        )
        with hosting(Path(name)) as host:
            milliseconds = times(browser, host, options.rounds, options.peer)
            page = browser.new_page()
            page.goto(host)
            same = {way: agreement(page, way, reader) for way in WAYS}
        version = browser.version
        browser.close()
    record = {
        "agreement": same,
        "bytes_packed": sizes,
        "rounds": options.rounds,
        "milliseconds": milliseconds,
        "chromium": version,
        "commit": system.commit(),
        "machine": system.describe(),
        "versions": system.versions("onnxruntime", "numpy", "pillow"),
    }
    if options.peer:
        installed = options.peer / "node_modules/onnxruntime-web/package.json"
        record["versions"]["onnxruntime-web"] = json.loads(installed.read_text())["version"]
    text = json.dumps(record, indent=2) + "\n"
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
