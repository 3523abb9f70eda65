"""What the peers share: their options, their data and the lines that they print."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of every peer."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--data", type=Path, required=True, help="folder that holds mnist.npz")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--epochs", type=int, help="instead of the peer's own number")
    return options


def load(folder: Path) -> Mapping[str, np.ndarray]:
    """`{train,test}_images`, uint8 `(n, 28, 28)`, and `{train,test}_labels` of mnist.npz."""
    with np.load(folder / "mnist.npz") as arrays:
        return dict(arrays)


def report(peer: str, **figures: object) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps({"peer": peer, **figures}) + "\n")
    sys.stdout.flush()
