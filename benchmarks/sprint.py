"""Time to 99 % on MNIST: `sprint` beside what people would otherwise pick, in one run.

    python benchmarks/sprint.py

The peers are peers/*.py, in an environment of their own (.venv-peers, made on the first run),
on as many threads as `sprint`, which is trained before and after each of them, so that a machine
that slows down slows both. A peer is stopped after the first epoch that reads 99.0 % of the test
images, unless --whole lets it run to its end: choosing that epoch on the test set favours it. The
last column is the part of this machine's best matrix-product rate, in bfloat16 for recipes and
in float32 for peers, that the arithmetic of convolutions and dense layers comes to. Writes
results/sprint-peers.json. Time nothing else meanwhile.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from inkling import data, engines, machine, models, recipes, train
from inkling.recipes import Recipe

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "benchmarks" / "peers"
COMMANDS = {
    "keras": ["keras_mnist.py"],
    "pytorch": ["torch_mnist.py", "pytorch"],
    "fastai": ["torch_mnist.py", "fastai"],
    "tuomaso": ["torch_mnist.py", "tuomaso"],
}
IMAGES_AN_EPOCH = {"keras": 54_000, "pytorch": 60_000, "fastai": 59_904, "tuomaso": 60_000}
TARGET = 99.0  # per cent
Figures = dict[str, Any]


def main() -> None:
    """Measure all, print the table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipes", nargs="+", default=["sprint", "sprint-99.5"])
    parser.add_argument("--peers", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--seeds", type=int, default=1, help="of each peer")
    parser.add_argument("--whole", action="store_true", help="let the peers run to their end")
    options = parser.parse_args()
    engines.keep_freed_memory()
    commit, python = machine.commit(), environment()
    ours: dict[str, list[Figures]] = {name: [] for name in options.recipes}
    theirs: dict[str, list[Figures]] = {name: [] for name in options.peers}
    rates = [matrix_product_rates()]
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(Path(folder))
        for seed in range(options.seeds):
            for peer in options.peers:
                train_ours(ours, Path(folder))
                theirs[peer].append(run_peer(python, peer, Path(folder), seed, options.whole))
        train_ours(ours, Path(folder))
    rates.append(matrix_product_rates())
    best = {kind: max(rate[kind] for rate in rates) for kind in rates[0]}
    table = [summarise_recipe(name, runs, best["bfloat16"]) for name, runs in ours.items()]
    table += [summarise_peer(name, runs, best["float32"]) for name, runs in theirs.items()]
    for row in table:
        if table[0]["seconds_to_target"] and row["seconds_to_target"]:
            row["times_the_first"] = row["seconds_to_target"] / table[0]["seconds_to_target"]
    record = {
        "target": TARGET,
        "threads": torch.get_num_threads(),
        "matrix_product_gflops": {kind: round(rate / 1e9, 1) for kind, rate in best.items()},
        "rows": table,
        "machine": machine.describe(),
        "versions": machine.versions("torch", "numpy"),
        "commit": commit,
    }
    (ROOT / "results" / "sprint-peers.json").write_text(json.dumps(record, indent=2) + "\n")
    sys.stdout.write(show(record))


def environment() -> Path:
    """The Python of the peers' environment, made if it is not there."""
    folder = ROOT / ".venv-peers"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "-q", "-r", PEERS / "requirements.txt"]
        subprocess.run(install, check=True)
        (folder / "ready").touch()
    return python


def write_arrays(folder: Path) -> None:
    """MNIST as one mnist.npz, which the peers read."""
    splits = data.splits("mnist", "all")
    np.savez(
        folder / "mnist.npz",
        train_images=splits.train.pixels[:, 0],
        train_labels=splits.train.labels,
        test_images=splits.test.pixels[:, 0],
        test_labels=splits.test.labels,
    )


def matrix_product_rates() -> dict[str, float]:
    """The best rate of a square matrix product, in operations a second, for each number type."""
    rates = {}
    for kind in (torch.bfloat16, torch.float32):
        best = 0.0
        for side in (1024, 2048, 4096):
            first, second = torch.rand(2, side, side).to(kind)
            for _ in range(8):
                began = time.perf_counter()
                first @ second
                best = max(best, 2 * side**3 / (time.perf_counter() - began))
        rates[str(kind).removeprefix("torch.")] = best
    return rates


def train_ours(runs: dict[str, list[Figures]], folder: Path) -> None:
    """Train each recipe once more, its seed the number of runs before."""
    for name, done in runs.items():
        run = folder / f"{name}-{len(done)}"
        events: list[Figures] = []
        train.create(run, recipes.get(name), len(done), "cpu")
        train.train(run, events.append)
        end = events[-1]
        accuracy, seconds = 100 * end["test"]["accuracy"], end["train_seconds"]
        sys.stdout.write(f"{name} seed {len(done)}: {accuracy:.2f} % in {seconds:.2f} s\n")
        done.append({"seconds": seconds, "accuracy": accuracy})


def run_peer(python: Path, peer: str, folder: Path, seed: int, whole: bool) -> Figures:
    """Train a peer in its environment; its curve, and what it says of itself."""
    script, *arguments = COMMANDS[peer]
    threads = str(torch.get_num_threads())
    command = [python, PEERS / script, *arguments, "--data", folder, "--seed", str(seed)]
    curve: list[Figures] = []
    with subprocess.Popen(
        [*command, "--threads", threads], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline() or "{}")
        for line in process.stdout:
            event = json.loads(line)
            curve.append({key: event[key] for key in ("epoch", "seconds", "accuracy")})
            sys.stdout.write(f"{peer} seed {seed}: {json.dumps(curve[-1])}\n")
            sys.stdout.flush()
            if event["accuracy"] >= TARGET and not whole:
                process.terminate()
                break
        if not curve:
            raise RuntimeError(f"{peer}: {process.stderr and process.stderr.read()}")
    return {"curve": curve, **facts}


def operations(recipe: Recipe) -> float:
    """The multiplications and additions of a whole training, counted on two of its steps."""
    model = models.build(recipe.model, 10, torch.Generator().manual_seed(0))

    def step() -> float:
        with FlopCounterMode(display=False) as counter:
            logits = model(torch.zeros(recipe.batch, 1, 28, 28))
            F.cross_entropy(logits, torch.zeros(recipe.batch, dtype=torch.int64)).backward()
        return float(counter.get_total_flops())

    steps = round(recipe.epochs * (60_000 // recipe.batch))
    learning = round(recipe.freeze * steps)
    whole = step()
    if recipe.freeze < 1:
        model.get_submodule("stem").requires_grad_(False)
    return learning * whole + (steps - learning) * step()


def summarise_recipe(name: str, runs: list[Figures], rate: float) -> Figures:
    """A row of the table from the runs of a recipe."""
    accuracy = statistics.mean(run["accuracy"] for run in runs)
    seconds = statistics.median(run["seconds"] for run in runs)
    return {
        "name": name,
        "n": len(runs),
        "accuracy": accuracy,
        "seconds": seconds,
        "seconds_to_target": seconds if accuracy >= TARGET else None,
        "share_of_matrix_product_rate": operations(recipes.get(name)) / seconds / rate,
        "runs": runs,
    }


def summarise_peer(name: str, runs: list[Figures], rate: float) -> Figures:
    """A row of the table from the runs of a peer: means over its seeds, epoch by epoch."""
    epochs = min(len(run["curve"]) for run in runs)
    curve = [
        {
            key: statistics.mean(run["curve"][epoch][key] for run in runs)
            for key in ("epoch", "seconds", "accuracy")
        }
        for epoch in range(epochs)
    ]
    reached = next((point for point in curve if point["accuracy"] >= TARGET), None)
    row = {
        "name": name,
        "n": len(runs),
        "accuracy": curve[-1]["accuracy"],
        "seconds": curve[-1]["seconds"],
        "seconds_to_target": reached and reached["seconds"],
        "images_per_second": IMAGES_AN_EPOCH[name] * epochs / curve[-1]["seconds"],
        "curve": curve,
        "parameters": runs[0]["parameters"],
        "versions": runs[0]["versions"],
        "runs": [run["curve"] for run in runs],
    }
    rated = 6 * runs[0]["multiply_adds"] * row["images_per_second"]  # two thirds are backward
    return row | {"share_of_matrix_product_rate": rated / rate}


def show(record: Figures) -> str:
    """The table as text."""
    rates = record["matrix_product_gflops"]
    lines = [
        (
            f"{record['threads']} threads; products: {rates['bfloat16']} GFLOP/s in bfloat16, "
            f"{rates['float32']} in float32"
        ),
        f"{'':<14}{'n':>3}{'accuracy':>11}{'seconds':>10}{'to 99.0 %':>11}{'ratio':>8}{'share':>8}",
    ]
    for row in record["rows"]:
        reached, ratio = row["seconds_to_target"], row.get("times_the_first")
        lines.append(
            f"{row['name']:<14}{row['n']:>3}{row['accuracy']:>9.2f} %{row['seconds']:>10.2f}"
            f"{f'{reached:.2f}' if reached else 'not':>11}{f'{ratio:.1f}' if ratio else '':>8}"
            f"{row['share_of_matrix_product_rate']:>8.0%}"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
