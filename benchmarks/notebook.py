"""What a training from Python costs beside the command line's, and what its live display costs.

    python benchmarks/notebook.py --rounds 7 --out results/notebook.json

Each round trains the recipe `sprint` as the command `inkling train`, and as `inkling.train` in a
new process; the seconds are those of the process. Then, in one kernel of a notebook, it trains
`mlp` with and without its display, twice a round; the seconds are those of the training, and those
that the display took of them. Rounds alternate which comes first. The ratios are of the medians.
"""

import argparse
import ast
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from inkling import system

PYTHON = "import inkling; inkling.train('sprint', seed={seed}, out={out!r})"
CELL = """
import time

import inkling
from inkling.notebook.live import Live

def timed(self, event, show=Live.__call__):
    start = time.perf_counter()
    show(self, event)
    spent.append(time.perf_counter() - start)

spent = []
Live.__call__ = timed
"""
TRAIN = """
spent.clear()
inkling.train("mlp", epochs=3, out={out!r}, show={show}).history[-1].train_seconds, sum(spent)
"""


def command(out: str, seed: int) -> float:
    """Seconds of a process that trains as the command line does."""
    return _process("-m", "inkling", "train", "sprint", f"--seed={seed}", "--out", out)


def from_python(out: str, seed: int) -> float:
    """Seconds of a process that trains from Python."""
    return _process("-c", PYTHON.format(seed=seed, out=out))


def _process(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def in_turn(ways: dict[str, Callable[[int], float]], rounds: int) -> dict[str, list[float]]:
    """The seconds of each way in each round; every other round begins with the other one."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            found[name].append(round(ways[name](number), 3))
            sys.stdout.write(f"{name}: {found[name][-1]:.2f} s\n")
            sys.stdout.flush()
    return found


def in_a_kernel(folder: Path, rounds: int) -> dict[str, list[float]]:
    """The seconds of trainings with and without display, in one kernel."""
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")

    shares: list[float] = []

    def execute(code: str) -> list[nbformat.NotebookNode]:
        notebook.cells.append(nbformat.v4.new_code_cell(code))
        client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
        return [o for o in notebook.cells[-1].outputs if o.output_type == "execute_result"]

    def trained(show: bool, number: int) -> float:
        (result,) = execute(TRAIN.format(out=str(folder / f"{show}-{number}"), show=show))
        seconds, spent = ast.literal_eval(result["data"]["text/plain"])
        if show:
            shares.append(round(spent / seconds, 5))
        return float(seconds)

    with client.setup_kernel():
        execute(CELL)
        trained(False, -1)  # the first one loads the libraries
        found = in_turn(
            {
                "with display": lambda number: trained(True, number),
                "without": lambda number: trained(False, number),
            },
            rounds,
        )
    return found | {"share of the display": shares}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = in_turn(
            {
                "command": lambda number: command(str(folder / f"c{number}"), number),
                "python": lambda number: from_python(str(folder / f"p{number}"), number),
            },
            options.rounds,
        )
        seconds |= in_a_kernel(folder, 2 * options.rounds)
    median = {name: statistics.median(found) for name, found in seconds.items()}
    record = {
        "rounds": options.rounds,
        "seconds": seconds,
        "python_to_command": round(median["python"] / median["command"], 4),
        "display_to_none": round(median["with display"] / median["without"], 4),
        "share_of_the_display": round(median["share of the display"], 5),
        "commit": system.commit(),
        "machine": system.describe(),
        "versions": system.versions("torch", "numpy", "ipykernel"),
    }
    text = json.dumps(record, indent=2) + "\n"
    sys.stdout.write(text)
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
