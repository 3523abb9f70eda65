"""Kill a server that keeps drawings a hundred times, and write results/kill.json.

    python benchmarks/kill.py

Each time a real `inkling serve` takes drawings from four writers at once and gets SIGKILL at a
random moment; the next one opens the same store. What was acknowledged must be there at the end.
The code is that of tests/test_drawings.py, which kills five. It takes about three minutes.
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from test_drawings import killed_under_load

from inkling import system


def main() -> None:
    """Kill, count, print and write the record."""
    with tempfile.TemporaryDirectory() as folder:
        found = killed_under_load(f"sqlite:///{folder}/drawings.sqlite", rounds=100)
    record = {
        **found,
        "machine": system.describe(),
        "versions": system.versions("sqlalchemy", "fastapi", "uvicorn"),
        "commit": system.commit(),
    }
    text = json.dumps(record, indent=2)
    (Path(__file__).parent.parent / "results" / "kill.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
