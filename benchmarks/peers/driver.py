"""Trains the peers, each by its own script, in an environment apart from Inkling's."""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np

from inkling import data
from inkling.errors import RunError

PEERS = Path(__file__).parent
COMMANDS = {
    "tuomaso": ["torch_mnist.py", "tuomaso"],
    "fastai": ["torch_mnist.py", "fastai"],
    "keras": ["keras_mnist.py"],
    "pytorch": ["torch_mnist.py", "pytorch"],
}
IMAGES_AN_EPOCH = {"keras": 54_000, "pytorch": 60_000, "fastai": 59_904, "tuomaso": 60_000}
Figures = dict[str, Any]


def environment() -> Path:
    """The Python of the peers' environment. It is created again when the requirements change."""
    folder = PEERS.parents[1] / ".venv-peers"
    python, ready = folder / "bin" / "python", folder / "ready"
    requirements = PEERS / "requirements.txt"
    if not ready.exists() or ready.read_text() != requirements.read_text():
        tell(f"Installing the peers into {folder.name}, once ...")
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(requirements)]
        if subprocess.run(install, check=False).returncode:
            raise RunError(
                f"Expected pip to install {requirements.name}, but it could not",
                "See pip's message above, or leave the peers out: --peers",
            )
        ready.write_text(requirements.read_text())
    return python


def write_arrays(folder: Path) -> None:
    """Write MNIST as mnist.npz, which the peers read."""
    splits = data.splits("mnist", "all")
    np.savez(
        folder / "mnist.npz",
        train_images=splits.train.pixels[:, 0],
        train_labels=splits.train.labels,
        test_images=splits.test.pixels[:, 0],
        test_labels=splits.test.labels,
    )


def run_peer(
    python: Path, peer: str, folder: Path, seed: int, threads: int, until: float | None = None
) -> Figures:
    """Train a peer, until it reads `until` per cent correctly. Gives its curve and its own facts.

    Its errors go to a file, since a full pipe would block it. Raises RunError if it fails.
    """
    script, *arguments = COMMANDS[peer]
    command = [str(python), str(PEERS / script), *arguments, "--data", str(folder)]
    command += ["--seed", str(seed), "--threads", str(threads)]
    curve: list[Figures] = []
    with (
        (folder / "errors").open("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            facts = json.loads(process.stdout.readline() or "{}")
            for line in process.stdout:
                event = json.loads(line)
                curve.append({key: event[key] for key in ("epoch", "seconds", "accuracy")})
                tell(f"{peer} seed {seed}: {json.dumps(curve[-1])}")
                if until is not None and event["accuracy"] >= until:
                    break
            else:
                if process.wait():
                    errors.seek(0)
                    last = errors.read().strip().rpartition("\n")[2]
                    raise RunError(f"Expected {peer} to train, but: {last}", "See benchmarks/peers")
        finally:
            process.terminate()
    images = IMAGES_AN_EPOCH[peer] * len(curve)
    operations = 2 * 3 * facts["multiply_adds"] * images  # backward takes twice as many as forward
    return {"curve": curve, "operations": operations, **facts}


def tell(line: str) -> None:
    """Print a line, and flush it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
