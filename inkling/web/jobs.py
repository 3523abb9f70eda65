"""Trainings that the server starts, each a process of the command line.

The server itself never loads PyTorch, and a training that dies takes nothing with it. Each job
has two files in a folder that all workers of a server share, named after its run: what it is, as
JSON, and its error output.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
from filelock import FileLock

from inkling.errors import RunError
from inkling.experiments import runs
from inkling.files import write_atomically

SECONDS_TO_SAVE = 10
SECONDS_TO_START, SECONDS_TO_LOOK = 10, 0.1  # of a process, until it can be told to stop
MAX_LOG_LINES, MAX_LOG_BYTES = 40, 16_384  # of an error output that is shown

if sys.platform == "win32":  # SIGINT cannot be sent there. Not tested: no test runs on Windows
    STOP, NEW_GROUP = signal.CTRL_BREAK_EVENT, subprocess.CREATE_NEW_PROCESS_GROUP
else:
    STOP, NEW_GROUP = signal.SIGINT, 0


@dataclass(frozen=True)
class Job:
    """A training that was started."""

    run: str  # its folder
    pid: int
    created: float  # when the process began: a number is used again
    stopping: bool = False  # a second signal would not let it save

    def process(self) -> psutil.Process | None:
        """Its process, while it runs."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class Jobs:
    """The trainings that the workers of a server have started; one at a time.

    Safe to share between threads and between processes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[subprocess.Popen[bytes]] = []  # of this process, to be reaped

    def start(self, run: Path, *arguments: str, **environment: str) -> None:
        """Start the command line on a run's folder. Raises RunError if another is under way."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / "lock"):
            if other := self.running():
                raise RunError(
                    f"Expected to train one network at a time, but {other.name} is under way",
                    "Stop it or let it end",
                )
            self._forget_failed_starts(run.parent)
            with self._errors(run).open("wb") as errors:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "inkling", *arguments, "--quiet"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=os.environ | environment,
                    start_new_session=True,  # Ctrl-C is for the server, which then stops it once
                    creationflags=NEW_GROUP,  # the same on Windows
                )
            self._children.append(process)
            created = psutil.Process(process.pid).create_time()
            self._note(Job(str(run), process.pid, created))

    def running(self) -> Path | None:
        """The folder of the training under way."""
        found = (self._read(path) for path in self._folder.glob("*.json"))
        return next((Path(job.run) for job in found if job and self._is_alive(job)), None)

    def without_plan(self, folder: Path) -> list[Path]:
        """The runs of a folder that were started and have no plan: they start up, or failed."""
        found = (self._read(path) for path in self._folder.glob("*.json"))
        paths = (Path(job.run) for job in found if job)
        return [path for path in paths if path.parent == folder and not (path / runs.PLAN).exists()]

    def state(self, run: Path) -> tuple[runs.State | None, str]:
        """Whether a run that this server started is under way, and how its error output ended."""
        if (job := self._read(self._file(run))) is None:
            return None, ""
        if self._is_alive(job):
            return "running", ""
        if runs.has_ended(run):
            return "ended", ""
        return "stopped", (self.log(run) or [""])[-1]

    def log(self, run: Path) -> list[str]:
        """The last lines of the error output of a run that this server started."""
        with suppress(OSError), self._errors(run).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - MAX_LOG_BYTES, 0))
            text = file.read().decode(errors="replace")
            return text.strip("\r\n ").splitlines()[-MAX_LOG_LINES:]
        return []

    def is_stopping(self, run: Path) -> bool:
        """Whether a run under way was told to stop."""
        job = self._read(self._file(run))
        if job and self._is_alive(job):
            return job.stopping
        return not (run / runs.HOLDER).exists()  # a stop takes it away

    def stop(self, run: Path) -> None:
        """Tell a run to save and stop, wherever it was started. Raises RunError if it is idle."""
        job = self._read(self._file(run))
        if not job or not (process := self._is_alive(job)):
            return runs.stop(run)
        if not job.stopping:
            self._note(replace(job, stopping=True))
            threading.Thread(target=_signal, args=[process, run], daemon=True).start()
        return None

    def close(self) -> None:
        """Save and stop every training under way."""
        while run := self.running():
            job = self._read(self._file(run))
            process = self._is_alive(job) if job else None
            if not process:
                continue
            self.stop(run)
            with suppress(psutil.Error):
                try:
                    process.wait(SECONDS_TO_SAVE)
                except psutil.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _forget_failed_starts(self, folder: Path) -> None:
        for run in self.without_plan(folder):
            for path in (self._file(run), self._errors(run)):
                path.unlink(missing_ok=True)

    def _is_alive(self, job: Job) -> psutil.Process | None:
        self._children = [child for child in self._children if child.poll() is None]
        return job.process()

    def _note(self, job: Job) -> None:
        write_atomically(self._file(Path(job.run)), json.dumps(asdict(job)).encode())

    def _read(self, path: Path) -> Job | None:
        with suppress(OSError, ValueError, TypeError):
            return Job(**json.loads(path.read_bytes()))
        return None

    def _file(self, run: Path) -> Path:
        name = hashlib.sha256(os.fsencode(run)).hexdigest()[:24]
        return self._folder / f"{name}.json"

    def _errors(self, run: Path) -> Path:
        return self._file(run).with_suffix(".log")


def _signal(process: psutil.Process, run: Path) -> None:
    """Signal a process once it trains: one that still starts up would end without a word.

    One that does not train by then may be fetching its data.
    """
    deadline = time.monotonic() + SECONDS_TO_START
    while process.is_running() and not runs.is_held(run) and time.monotonic() < deadline:
        time.sleep(SECONDS_TO_LOOK)
    with suppress(psutil.Error):  # one that has ended
        process.send_signal(STOP)
