"""Kills a server that stores drawings a hundred times, and counts what is lost.

    python benchmarks/kill.py [--rounds 100]

In each round, a real `inkling serve` gets drawings from four clients at once, and SIGKILL at a
random moment. The next server opens the same store. In the end, every drawing that a server has
acknowledged must be in the store. A hundred rounds take about three minutes. A test of
tests/test_drawings.py runs a few. Writes results/kill.json after the full hundred.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from test_drawings import killed_under_load

from inkling import system

ROUNDS = 100  # of a record


def main() -> None:
    """Kill, count, print and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        found = killed_under_load(f"sqlite:///{folder}/drawings.sqlite", rounds=rounds)
    record = {
        **found,
        "machine": system.describe(),
        "versions": system.versions("sqlalchemy", "fastapi", "uvicorn"),
        "commit": system.commit(),
    }
    text = json.dumps(record, indent=2)
    if rounds == ROUNDS:
        (Path(__file__).parent.parent / "results" / "kill.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
