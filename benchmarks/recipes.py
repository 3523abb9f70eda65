"""Train recipes over seeds and write a record of each: results/RECIPE.json.

    python benchmarks/recipes.py digits mlp cnn --seeds 5

Every seed is trained as `inkling train` trains it, and tested once, at its last epoch; the
mean is reported, not the best. Time nothing else meanwhile.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from pathlib import Path

import machine

from inkling import evaluate, recipes, train
from inkling.bundle import Card
from inkling.reader import Reader


def main() -> None:
    """Train and record each recipe that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    commit = machine.commit()
    for name in options.recipes:
        cards = [train_once(name, seed) for seed in range(options.seeds)]
        path = machine.ROOT / "results" / f"{name}.json"
        path.write_text(json.dumps(record(cards, commit), indent=2) + "\n")


def train_once(name: str, seed: int) -> Card:
    """Train one seed in a folder of its own; the card of its bundle."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        train.create(run, recipes.get(name), seed)
        train.train(run, report=lambda _: None)
        card = Reader.load(run).card
    sys.stdout.write(
        f"{name} seed {seed}: test {card.test.accuracy:.2%}, "
        f"validation {card.validation.accuracy:.2%}, {card.train_seconds:.1f} s\n"
    )
    sys.stdout.flush()
    return card


def record(cards: list[Card], commit: str) -> dict[str, object]:
    """The figures of one recipe over its seeds, in per cent and seconds."""
    first, tests = cards[0], [100 * card.test.accuracy for card in cards]
    seconds = statistics.median(card.train_seconds for card in cards)
    n = first.test.n  # the seeds share these images: more seeds do not narrow the interval
    interval = evaluate.wilson(round(statistics.mean(tests) / 100 * n), n)
    recipe = recipes.from_card(first.recipe)
    return {
        "recipe": dataclasses.asdict(recipe),
        "dataset": first.dataset,
        "chosen_on": "validation",
        "mean": round(statistics.mean(tests), 4),
        "std": round(statistics.stdev(tests), 4) if len(tests) > 1 else None,
        "interval": [round(100 * share, 4) for share in interval],
        "n": len(cards),
        "seeds": [
            {
                "seed": card.seed,
                "test": dataclasses.asdict(card.test),
                "validation": dataclasses.asdict(card.validation),
                "train_seconds": card.train_seconds,
                "temperature": card.temperature,
            }
            for card in cards
        ],
        "train_seconds": round(seconds, 2),
        "epochs": recipe.epochs,
        "parameters": first.parameters,
        "multiply_adds": first.multiply_adds,
        "device": first.device,
        "threads": first.threads,
        "machine": machine.describe(),
        "versions": first.versions,
        "commit": commit,
        "data_sha256": first.data_sha256,
    }


if __name__ == "__main__":
    main()
