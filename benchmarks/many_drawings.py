"""Measures the page and the commands of a store of many drawings.

    python benchmarks/many_drawings.py [--drawings 100000 1000000] [--url postgresql://...]

Strokes are synthetic digits of `augmentation.handwriting`, written by a thousand people over two
years. A server answers each request of the page /drawings, and each command runs as a user runs
it. Of a request and a command that answers at once, the median of five counts; of an export,
seconds and the most memory. A store of a million takes about 2 GB of disk. Without --url, the
database is SQLite in a temporary folder; the one of a URL must be empty. With more than FEW
drawings, only two of the commands that pass through all are measured: the export of JSON lines and
the backup. Writes results/many_drawings.json after the full numbers.
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from inkling import system
from inkling.augmentation import handwriting
from inkling.drawings import Labelled, Store

DRAWINGS = (100_000, 1_000_000)  # of a record
FEW = DRAWINGS[0]
FORMS = 2_000  # different drawings; each is stored many times, by different writers
WRITERS = 1_000
DAYS = 730
HEIGHT, MARGIN = 220, 60  # of a digit, pixels of the page's canvas
TIMES = 5  # that each quick request and command is measured
PAGE = 60  # drawings that the page asks for
ORDERS = ("hardest", "newest", "oldest")
SOME = {"strokes": [[[110, 80], [270, 80], [180, 310]]], "pen": 30}


def main() -> None:
    """Fill stores, measure, print, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drawings", type=int, nargs="+", default=DRAWINGS)
    parser.add_argument("--url", help="of an empty database, for one number of drawings")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    record: dict[str, Any] = {}
    for number in options.drawings:
        with tempfile.TemporaryDirectory() as folder:
            url = options.url or f"sqlite:///{folder}/drawings.sqlite"
            seconds = timed(lambda url=url, number=number: fill(url, number))
            record[str(number)] = {"filled_s": seconds, **measured(url, number, Path(folder))}
    record |= {
        "database": "PostgreSQL" if options.url else "SQLite",
        "machine": system.describe(),
        "versions": system.versions("sqlalchemy", "fastapi", "uvicorn", "pyarrow"),
        "commit": system.commit(),
    }
    text = json.dumps(record, indent=2)
    whole = tuple(options.drawings) == DRAWINGS and not options.url
    out = Path(__file__).parent.parent / "results" / "many_drawings.json"
    if place := options.out or (out if whole else None):
        place.write_text(text + "\n")
    sys.stdout.write(text + "\n")


def fill(url: str, number: int) -> None:
    """Store that many drawings in an empty database."""
    store = Store(url)
    store.restore(drawn(number))
    store.close()


def drawn(number: int, seed: int = 0) -> Iterator[Labelled]:
    """Drawings of digits, and a twentieth of numbers: 3 % misread, 4 % rejected."""
    rng = np.random.default_rng(seed)
    forms = [(int(digit), form(int(digit), rng)) for digit in rng.integers(0, 10, FORMS)]
    begun = datetime.now(UTC) - timedelta(days=DAYS)
    names = [rng.bytes(8).hex() for _ in range(WRITERS)]
    for index in range(number):
        digit, strokes = forms[rng.integers(FORMS)]
        label: int | str = f"{index % 100_000 / 100:.2f}" if index % 20 == 0 else digit
        wrong = rng.random() < 0.03
        reading = ("0.1" if isinstance(label, str) else (label + 1) % 10) if wrong else label
        yield Labelled(
            label,
            reading,
            confidence=float(1 - 10 ** -rng.uniform(0.3, 6)),
            ood_score=None if isinstance(label, str) else float(rng.normal(-5, 1)),
            accepted=bool(rng.random() > 0.04),
            model_sha256="ab" * 32,
            strokes=strokes,
            pen=14.0,
            session=names[int(WRITERS * rng.random() ** 2)],  # some draw more than others
            name=str(label),
            held_out=index % 5 == 2,
            idempotency_key=rng.bytes(16).hex(),
            created=(begun + timedelta(days=DAYS * index / number)).isoformat(),
            id=index + 1,
        )


def form(digit: int, rng: np.random.Generator) -> list[list[list[float]]]:
    """The strokes of a digit on the page's canvas."""
    return [
        np.round(points * HEIGHT + MARGIN, 1).tolist() for points in handwriting.written(digit, rng)
    ]


def measured(url: str, number: int, folder: Path) -> dict[str, Any]:
    """Every request and command."""
    quick = [sys.executable, "-m", "inkling", "drawings"]
    found: dict[str, Any] = {"requests_ms": requests(url, number, folder), "commands": {}}
    lines = folder / "some.jsonl"

    def command(name: str, *words: str, times: int = 1, first_line: bool = False) -> None:
        runs = [run([*quick, *words], url, first_line) for _ in range(times)]
        seconds = statistics.median(seconds for seconds, _ in runs)
        megabytes = max(megabytes for _, megabytes in runs)
        found["commands"][name] = {"s": round(seconds, 2), "mb": megabytes}
        sys.stdout.write(f"{number:>9,} {name:32} {seconds:8.2f} s {megabytes:5} MB\n")
        sys.stdout.flush()

    command("stats", "stats", times=TIMES)
    command("list, its first line", "list", times=TIMES, first_line=True)
    command("list --wrong, its first line", "list", "--wrong", times=TIMES, first_line=True)
    command("delete", "delete", "7")
    command("prune, of none", "prune", "--older-than", "36000", "--yes", times=TIMES)
    for kind in ("jsonl", "idx", "parquet", "png") if number <= FEW else ("jsonl",):
        command(f"export --as {kind}", "export", str(folder / kind), "--as", kind)
    with (folder / "jsonl" / "drawings.jsonl").open() as all_lines:
        lines.write_text("".join(line for line, _ in zip(all_lines, range(100), strict=False)))
    command("import, 100 that are there", "import", str(lines), times=TIMES)
    command("backup", "backup", str(folder / "all.backup"))
    if number <= FEW:
        whole = str(folder / "jsonl" / "drawings.jsonl")
        command("import, of all that are there", "import", whole)
        command("restore", "restore", str(folder / "all.backup"), "--replace")
    command("prune, of half", "prune", "--older-than", str(DAYS // 2), "--yes")
    return found


def requests(url: str, number: int, folder: Path) -> dict[str, float]:
    """Milliseconds of each request of the page, and of what it does with a drawing."""
    store = Store(url)
    few = store.find(order="oldest", skip=number // 2, count=1)[0].session
    day = store.find(order="newest", count=1)[0].created[:10]
    store.close()
    filters = {
        "": "",
        "label=7": "&label=7",
        "misread": "&wrong=true",
        "rejected": "&unsure=true",
        "numbers": "&numbers=true",
        "one writer": f"&session={few}",
        "nobody": "&session=nobody",
        "no such label": "&label=17",
        "since today": f"&since={day}",
        "since ever": "&since=2000-01-01",
        "7, misread, rejected, one writer": f"&label=7&wrong=true&unsure=true&session={few}",
    }
    found: dict[str, float] = {}

    def measure(name: str, act: Callable[[], httpx.Response]) -> None:
        times = [timed(lambda: act().raise_for_status()) for _ in range(TIMES)]
        found[name] = round(1000 * statistics.median(times), 1)
        sys.stdout.write(f"{number:>9,} {name:52} {found[name]:8.1f} ms\n")
        sys.stdout.flush()

    with Server(url, folder) as address, httpx.Client(base_url=address, timeout=300) as client:
        api = "/api/drawings"
        for order in ORDERS:
            asked = f"{api}?order={order}&count={PAGE}"
            for name, query in filters.items():
                measure(f"{order}, {name}".strip(", "), lambda q=asked + query: client.get(q))
            for where, skip in (("middle", number // 2), ("end", number - 2 * PAGE)):
                here = f"{asked}&skip={skip}"
                measure(f"{order}, More at the {where} by skip", lambda q=here: client.get(q))
                if link := client.get(here).links.get("next"):
                    rest = link["url"]
                    measure(f"{order}, More at the {where}", lambda r=rest: client.get(api + r))
        measure("stats", lambda: client.get(f"{api}/stats"))
        middle = f"{api}/{number // 2}"
        measure("an image", lambda: client.get(f"{middle}/image"))
        measure("store", lambda: client.post(f"{api}?label=7", json=SOME))
        label = client.get(middle).json()["label"]
        value = {"text" if isinstance(label, str) else "label": label}
        measure("relabel", lambda: client.patch(middle, params=value))
        body = client.get(middle).content

        def delete_and_put_back() -> httpx.Response:
            client.delete(middle).raise_for_status()
            return client.put(middle, content=body)

        measure("delete and put back", delete_and_put_back)
    return found


class Server:
    """A running `inkling serve`; gives its address."""

    def __init__(self, url: str, folder: Path) -> None:
        self._log = folder / "log"
        with self._log.open("w") as log:
            command = [sys.executable, "-m", "inkling", "serve", "--port", "0", "--workers", "1"]
            self._process = subprocess.Popen(
                [*command, "--drawings", url], stdout=log, stderr=log, cwd=folder
            )

    def __enter__(self) -> str:
        while not (address := re.search(r"http://\S+(?=\n)", self._log.read_text())):
            if self._process.poll() is not None:
                sys.exit(self._log.read_text())
            time.sleep(0.02)
        return address.group()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def run(command: list[str], url: str, first_line: bool) -> tuple[float, int]:
    """Seconds that a command takes, or until its first line, and its most memory in MB."""
    begun, megabytes = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([*command, "--drawings", url], stdout=said, stderr=said)
        while process.poll() is None and not (first_line and os.fstat(said.fileno()).st_size):
            with contextlib.suppress(OSError, TypeError):  # it has just ended
                status = Path(f"/proc/{process.pid}/status").read_text()
                megabytes = int(re.search(r"VmHWM:\s*(\d+)", status)[1]) // 1000  # type: ignore[index]
            time.sleep(0.002)
        seconds = time.perf_counter() - begun
        if process.poll() is None:
            process.kill()
        elif process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)}: {said.read()}")
        process.wait()
    return seconds, megabytes


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    act()
    return round(time.perf_counter() - begun, 4)


if __name__ == "__main__":
    main()
