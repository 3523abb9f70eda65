"""What the server has others do: trainings, each a process of the command line.

The server itself never loads PyTorch, and a training that dies takes nothing with it.
"""

import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from inkling import runs
from inkling.errors import RunError

SECONDS_TO_SAVE = 10


class Jobs:
    """The trainings this server has started, by the folder of each; one at a time."""

    def __init__(self) -> None:
        self._of: dict[Path, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}

    def start(self, run: Path, *arguments: str) -> None:
        """Have the command line train to a run's folder. Raises RunError if one is under way."""
        for other, (process, _) in self._of.items():
            if process.poll() is None:
                raise RunError(
                    f"Expected to train one network at a time, but {other.name} is under way",
                    "Stop it or let it end",
                )
        told = tempfile.TemporaryFile()  # noqa: SIM115  # close closes it
        process = subprocess.Popen(
            [sys.executable, "-m", "inkling", *arguments, "--quiet"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
        self._of[run] = process, told

    def state(self, run: Path) -> tuple[runs.State | None, str]:
        """Whether a run of this server's is under way, and the last line it said in the end."""
        if run not in self._of:
            return None, ""
        process, told = self._of[run]
        code = process.poll()
        if code is None:
            return "running", ""
        told.seek(0)
        lines = told.read().decode(errors="replace").strip().splitlines()
        return ("ended" if code == 0 else "stopped"), lines[-1] if code and lines else ""

    def stop(self, run: Path) -> None:
        """Ask a run to save and stop, whoever has started it. Raises RunError if none does."""
        process, _ = self._of.get(run, (None, None))
        if process and process.poll() is None:
            process.send_signal(signal.SIGINT)
        else:
            runs.stop(run)

    def close(self) -> None:
        """Have all that is under way saved and stopped."""
        for process, told in self._of.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            try:
                process.wait(SECONDS_TO_SAVE)
            except subprocess.TimeoutExpired:
                process.kill()
            told.close()
