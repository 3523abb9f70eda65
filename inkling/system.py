"""This machine: what a record says of it, and where a user's own files lie."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).parent
HOME = "INKLING_HOME"  # in the environment: a folder


def home() -> Path:
    """The folder of the user's own: drawings, taught bundles. INKLING_HOME names another."""
    named = os.environ.get(HOME)
    return Path(named) if named else platformdirs.user_data_path("inkling", appauthor=False)


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
    """The versions of Python and of the libraries named."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in libraries
    }


def commit() -> str:
    """The commit this package is of, "-dirty" after it where files of the package differ.

    "installed" where the package lies in no checkout of its own.
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
