"""Trainings that the server starts, each a process of the command line.

The server itself never loads PyTorch, and a training that dies takes nothing with it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from inkling.errors import RunError
from inkling.experiments import runs

SECONDS_TO_SAVE = 10
SECONDS_TO_START, SECONDS_TO_LOOK = 10, 0.1  # of a process, until it can be told to stop

if sys.platform == "win32":  # SIGINT cannot be sent there. Not tested: no test runs on Windows
    STOP, NEW_GROUP = signal.CTRL_BREAK_EVENT, subprocess.CREATE_NEW_PROCESS_GROUP
else:
    STOP, NEW_GROUP = signal.SIGINT, 0


@dataclass
class Job:
    """A training that was started."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    said: str | None = None  # the last line of its error output, once it has ended
    stopping: bool = False  # a second signal would not let it save


class Jobs:
    """The trainings that this server has started, by their folders; one at a time.

    Safe to share between threads.
    """

    def __init__(self) -> None:
        self._of: dict[Path, Job] = {}
        self._lock = threading.Lock()

    def start(self, run: Path, *arguments: str, **environment: str) -> None:
        """Start the command line on a run's folder. Raises RunError if another is under way."""
        with self._lock:
            if other := self._running():
                raise RunError(
                    f"Expected to train one network at a time, but {other.name} is under way",
                    "Stop it or let it end",
                )
            errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the process has ended
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "inkling", *arguments, "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | environment,
                start_new_session=True,  # Ctrl-C is for the server, which then stops it once
                creationflags=NEW_GROUP,  # the same on Windows
            )
            self._of[run] = Job(process, errors)

    def running(self) -> Path | None:
        """The folder of the training under way."""
        with self._lock:
            return self._running()

    def state(self, run: Path) -> tuple[runs.State | None, str]:
        """Whether a run that this server started is under way, and how its error output ended."""
        with self._lock:
            if (job := self._of.get(run)) is None:
                return None, ""
            code = job.process.poll()
            if code is None:
                return "running", ""
            if job.said is None:
                job.errors.seek(0)
                lines = job.errors.read().decode(errors="replace").strip().splitlines()
                job.errors.close()
                job.said = lines[-1] if code and lines else ""
            return ("stopped" if code else "ended"), job.said

    def is_stopping(self, run: Path) -> bool:
        """Whether a run under way was told to stop."""
        with self._lock:
            job = self._of.get(run)
            if job and job.process.poll() is None:
                return job.stopping
        return not (run / runs.HOLDER).exists()  # a stop takes it away

    def stop(self, run: Path) -> None:
        """Tell a run to save and stop, wherever it was started. Raises RunError if it is idle."""
        with self._lock:
            job = self._of.get(run)
            if job and job.process.poll() is None:
                return _stop(job, run)
        return runs.stop(run)

    def close(self) -> None:
        """Save and stop every training under way."""
        with self._lock:
            for run, job in self._of.items():
                if job.process.poll() is None:
                    _stop(job, run)
                try:
                    job.process.wait(SECONDS_TO_SAVE)
                except subprocess.TimeoutExpired:
                    job.process.kill()
                    job.process.wait()
                job.errors.close()

    def _running(self) -> Path | None:
        return next((run for run, job in self._of.items() if job.process.poll() is None), None)


def _stop(job: Job, run: Path) -> None:
    """Tell a job to save and stop, once."""
    if not job.stopping:
        job.stopping = True
        threading.Thread(target=_signal, args=[job.process, run], daemon=True).start()


def _signal(process: subprocess.Popen[bytes], run: Path) -> None:
    """Signal a process once it trains: one that still starts up would end without a word.

    One that does not train by then may be fetching its data.
    """
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and not runs.is_held(run) and time.monotonic() < deadline:
        time.sleep(SECONDS_TO_LOOK)
    process.send_signal(STOP)  # of one that has ended, nothing happens
