"""This machine and installation: what a record says of it, its extras, files and signals."""

import functools
import importlib.metadata
import importlib.util
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import platformdirs

from inkling.errors import MissingExtra

PACKAGE = Path(__file__).parent
HOME = "INKLING_HOME"  # in the environment: a folder


def home() -> Path:
    """The user's own folder: drawings, fine-tuned bundles. INKLING_HOME names another."""
    named = os.environ.get(HOME)
    return (
        Path(named).expanduser()
        if named
        else platformdirs.user_data_path("inkling", appauthor=False)
    )


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


EXTRAS = {  # what each extra brings that is imported
    "scale": ("pyarrow", "ray"),
    "serve": (
        "alembic",
        "fastapi",
        "fastapi_offline",
        "httptools",
        "prometheus_client",
        "psutil",
        "sqlalchemy",
        "uvicorn",
    ),
    "train": ("matplotlib", "onnx", "onnxscript", "safetensors", "threadpoolctl", "torch"),
}


def missing_extra(what: str, extra: str) -> MissingExtra | None:
    """The error of what needs an extra that is not installed; None if it is."""
    for library in EXTRAS[extra]:
        if importlib.util.find_spec(library) is None:
            return MissingExtra(what, library, extra)
    return None


def require(what: str, extra: str) -> None:
    """Raise MissingExtra, which names the pip line, unless the extra is installed."""
    if error := missing_extra(what, extra):
        raise error


@functools.cache
def describe() -> dict[str, str | int]:
    """The processor, the instructions of it that matter here, its cores and the system."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    return {
        "processor": names[0] if names else platform.processor(),
        "instructions": " ".join(sorted(flags & {"avx2", "avx512f", "avx512_bf16", "amx_bf16"})),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(*libraries: str) -> dict[str, str]:
    """The versions of Python and of those libraries that are installed."""
    found = {"python": platform.python_version()}
    for name in libraries:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def commit() -> str:
    """The package's commit, with "-dirty" where files of the package differ from it.

    "installed" where the package is not in a checkout.
    """
    if _git("ls-files", "--error-unmatch", "__init__.py") is None:
        return "installed"
    return f"{_git('rev-parse', '--short=12', 'HEAD')}{'-dirty' * bool(_git('status', '-s', '.'))}"


def _git(*arguments: str) -> str | None:
    """What git says of the package's folder, or None if it cannot."""
    try:
        command = ["git", "-C", str(PACKAGE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


@contextmanager
def stopped_by_signal() -> Iterator[list[int]]:
    """A list that gets the number of the first signal to stop; a second one acts at once.

    In the main thread alone; elsewhere no signal comes, and the list stays empty.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def catch(number: int, _: FrameType | None) -> None:
        caught.append(number)
        signal.signal(number, signal.default_int_handler)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)  # a closed terminal; nohup ignores it
    if sys.platform == "win32":  # what web/jobs.py and runs.stop send there
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, catch) for number in numbers}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
