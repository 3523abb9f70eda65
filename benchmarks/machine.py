"""What a record says of where it was made."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def describe() -> dict[str, str | int]:
    """The processor, its cores, the system and the commit of this checkout."""
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
    """The commit that is measured, marked if files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
