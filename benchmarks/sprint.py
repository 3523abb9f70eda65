"""Compares the time to 99 % on MNIST: the recipe `sprint` and well-known trainings, its peers.

    python benchmarks/sprint.py [--runs 3] [--peers tuomaso keras] [--limit 60]

The peers are peers/*.py. They run in an environment of their own (.venv-peers, made on the first
run), on as many threads as `sprint`. The recipes are trained before and after each peer, so that a
machine that slows down slows both.

A peer is stopped after the first epoch that reads 99.0 % of the test images, which favours it,
since this epoch is chosen on the test set. With --whole, it runs to its end. The time of a run
ends with that epoch. The median is over all runs; a run that never reaches 99 % counts as
infinite. Ratios are of medians. Mean, minimum and maximum are over the runs that reach 99 %.

The last column is a share of the machine's best rate of matrix products: the arithmetic of
convolutions and dense layers, divided by what the machine could do in the same time. That rate is
in float32 for peers, and for recipes in bfloat16 where this is faster.

The record is written after each run. The same command continues where it was stopped, also with
more runs or other peers, but only on the same machine, with the same threads and versions. Run
nothing else meanwhile.
"""

import argparse
import functools
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from peers.driver import COMMANDS, Figures, environment, run_peer, tell, write_arrays
from torch.utils.flop_counter import FlopCounterMode

from inkling import system
from inkling.errors import InklingError, RunError
from inkling.experiments import recipe as values
from inkling.experiments import recipes
from inkling.experiments.events import End, Event
from inkling.experiments.recipe import Recipe
from inkling.files import write_atomically
from inkling.networks import architectures
from inkling.training import engines, loop

ROOT = Path(__file__).parent.parent
TARGET = 99.0  # per cent
MAX_SECONDS = 2.0  # of one matrix product
Runs = dict[str, list[Figures]]  # by the name of the recipe or peer


def main() -> None:
    """Measure what the record lacks, write it after each run, and print the table."""
    options = arguments()
    engines.keep_freed_memory()
    plan = {
        "target": TARGET,
        "whole": options.whole,
        "threads": torch.get_num_threads(),
        "machine": system.describe(),
        "versions": system.versions("torch", "numpy"),
    }
    record = {} if options.restart else recorded(options.out, plan)
    runs: Runs = {row["name"]: row["runs"] for row in record.get("rows", [])}
    rates = record.get("matrix_product_gflops", {})
    commits = [*record.get("commit", "").split(", "), system.commit()]
    commit = ", ".join(dict.fromkeys(filter(None, commits)))

    def keep() -> None:
        table = {"matrix_product_gflops": rates, "rows": rows(runs, rates), "commit": commit}
        record.update(plan | table)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.out, json.dumps(record, indent=2).encode() + b"\n")

    python = environment() if options.peers else None
    update_rates(rates)
    with tempfile.TemporaryDirectory() as folder:
        write_arrays(Path(folder))
        measure(runs, options, python, Path(folder), keep)
    update_rates(rates)
    keep()
    tell(show(record))


def arguments() -> argparse.Namespace:
    """The options of the command line, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names, peers = list(recipes.RECIPES), list(COMMANDS)
    default = ["sprint", "sprint-99.5"]
    parser.add_argument("--recipes", nargs="+", default=default, choices=names, metavar="RECIPE")
    parser.add_argument("--peers", nargs="*", default=peers, choices=peers, metavar="PEER")
    parser.add_argument("--runs", type=int, default=3, help="of each peer, each of its own seed")
    parser.add_argument(
        "--limit",
        type=float,
        default=math.inf,
        metavar="SECONDS",
        help="a peer that takes longer is not run again",
    )
    parser.add_argument("--whole", action="store_true", help="let the peers run to their end")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "sprint-peers.json")
    parser.add_argument("--restart", action="store_true", help="begin a new record")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error(f"expected --runs to be at least 1, got {options.runs}")
    return options


def recorded(path: Path, plan: Figures) -> Figures:
    """The record at `path`; empty if there is none. Raises RunError if it has another plan."""
    if not path.exists():
        return {}
    try:
        record: Figures = json.loads(path.read_bytes())
        differing = [key for key in plan if record.get(key) != plan[key]]
    except (OSError, ValueError, AttributeError) as cause:
        raise RunError(f"{path}: expected a record", "Name another with --out") from cause
    if differing:
        raise RunError(
            f"{path}: expected a record of the same {', '.join(plan)}, but {differing[0]} differs",
            "Begin it again with --restart, or write another with --out",
        )
    return record


def measure(
    runs: Runs,
    options: argparse.Namespace,
    python: Path | None,
    folder: Path,
    keep: Callable[[], None],
) -> None:
    """Run what `runs` lacks: each peer as often as options say, each recipe once more in all.

    `keep` is called after each run.
    """

    def train_recipes() -> None:
        wanted = 1 + sum(len(runs.get(peer, [])) for peer in COMMANDS)
        for name in options.recipes:
            while len(done := runs.setdefault(name, [])) < wanted:
                done.append(train_ours(name, len(done), folder))
                keep()

    for seed in range(options.runs):
        for peer in options.peers:
            done = runs.get(peer, [])
            slow = any(run["curve"][-1]["seconds"] > options.limit for run in done)
            if len(done) <= seed and not slow:
                train_recipes()
                assert python is not None
                until = None if options.whole else TARGET
                found = run_peer(python, peer, folder, seed, torch.get_num_threads(), until)
                runs.setdefault(peer, []).append(found)
                keep()
    train_recipes()


def update_rates(rates: dict[str, float]) -> None:
    """Update the best rate of a square matrix product, in GFLOP/s, of each number type."""
    for kind in (torch.bfloat16, torch.float32):
        name, best = str(kind).removeprefix("torch."), 0.0
        for side in (1024,) * 8 + (2048,) * 8 + (4096,) * 8:
            if best and 2 * side**3 / best > MAX_SECONDS:
                break  # this machine has no instructions for bfloat16
            first, second = torch.rand(2, side, side).to(kind)
            began = time.perf_counter()
            first @ second
            best = max(best, 2 * side**3 / (time.perf_counter() - began))
        rates[name] = max(rates.get(name, 0.0), round(best / 1e9, 1))


def train_ours(name: str, seed: int, folder: Path) -> Figures:
    """Train a recipe. Its curve has one point, the end."""
    recipe, run = recipes.get(name), folder / f"{name}-{seed}"
    reported: list[Event] = []
    loop.create(run, recipe, seed, "cpu")
    loop.train(run, reported.append)
    (end,) = (event for event in reported if isinstance(event, End))
    point = {
        "epoch": recipe.epochs,
        "seconds": end.train_seconds,
        "accuracy": round(100 * end.test.accuracy, 2),
    }
    tell(f"{name} seed {seed}: {json.dumps(point)}")
    return {"curve": [point], "operations": operations(recipe)}


@functools.cache
def operations(recipe: Recipe) -> float:
    """The multiplications and additions of a whole training, extrapolated from two steps."""
    model = architectures.build(recipe.model, 10, torch.Generator().manual_seed(0))

    def step() -> float:
        with FlopCounterMode(display=False) as counter:
            logits = model(torch.zeros(recipe.batch, 1, 28, 28))
            F.cross_entropy(logits, torch.zeros(recipe.batch, dtype=torch.int64)).backward()
        return float(counter.get_total_flops())

    steps = values.steps(recipe, 60_000)
    learning = round(recipe.freeze * steps)
    whole = step()
    if recipe.freeze < 1:
        model.get_submodule("stem").requires_grad_(False)
    return learning * whole + (steps - learning) * step()


def rows(runs: Runs, rates: dict[str, float]) -> list[Figures]:
    """The rows of the table: recipes, then peers. Ratios are to the first row."""
    ordered = sorted(runs, key=lambda name: name in COMMANDS)
    best = max(rates.values())
    table = [
        summarise(name, runs[name], rates["float32"] if name in COMMANDS else best)
        for name in ordered
        if runs[name]
    ]
    for row in table:
        if table[0]["seconds_to_target"] and row["seconds_to_target"]:
            row["times_the_first"] = row["seconds_to_target"] / table[0]["seconds_to_target"]
    return table


def summarise(name: str, runs: list[Figures], rate: float) -> Figures:
    """The row of a recipe or a peer. `rate` is that of matrix products, in GFLOP/s."""
    seconds = [
        next((point["seconds"] for point in run["curve"] if point["accuracy"] >= TARGET), math.inf)
        for run in runs
    ]
    reached = [value for value in seconds if value < math.inf]
    median = statistics.median(seconds)
    ends = [run["curve"][-1] for run in runs]
    done = sum(run["operations"] for run in runs) / sum(end["seconds"] for end in ends)
    return {
        "name": name,
        "n": len(runs),
        "reached": len(reached),
        "seconds_to_target": median if median < math.inf else None,
        "seconds": spread(reached) if reached else None,
        "accuracy": spread(end["accuracy"] for end in ends),
        "share_of_matrix_product_rate": done / 1e9 / rate,
        "runs": runs,
    }


def spread(values: Iterable[float]) -> dict[str, float]:
    """Mean, minimum and maximum."""
    values = list(values)
    return {"mean": statistics.mean(values), "min": min(values), "max": max(values)}


def show(record: Figures) -> str:
    """The table as text."""
    rates = record["matrix_product_gflops"]
    lines = [
        (
            f"{record['threads']} threads; products: {rates['bfloat16']} GFLOP/s in bfloat16, "
            f"{rates['float32']} in float32"
        ),
        (
            f"{'':<12}{'to 99.0 %':>10}{'median s':>10}{'mean, min to max':>26}{'ratio':>8}"
            f"{'accuracy, min to max':>27}{'share':>7}"
        ),
    ]
    for row in record["rows"]:
        median, seconds, accuracy = row["seconds_to_target"], row["seconds"], row["accuracy"]
        ratio = row.get("times_the_first")
        lines.append(
            f"{row['name']:<12}{row['reached']:>4} of {row['n']:<2}"
            f"{f'{median:.2f}' if median else 'not':>10}"
            f"{'{mean:.2f}, {min:.2f} to {max:.2f}'.format(**seconds) if seconds else '':>26}"
            f"{f'{ratio:.1f}' if ratio else '':>8}"
            f"{'{mean:.2f}, {min:.2f} to {max:.2f} %'.format(**accuracy):>27}"
            f"{row['share_of_matrix_product_rate']:>7.0%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except InklingError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped. Finished runs are saved; continue with the same command.")
