"""What `inkling doctor` looks at: findings, each with what is there and what mends it.

Nothing is downloaded or changed. What reads is tried in processes of its own, which its library may
end. A broken library is a finding, too: so each is imported where it is needed. Nothing private is
in a finding; see `_public`.
"""

import functools
import getpass
import http.client
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Literal

from inkling import __version__, system
from inkling.errors import DISTRIBUTION, InklingError, StoreError, suggest
from inkling.files import RUNS

State = Literal["ok", "note", "problem"]

DEVELOPMENT = ("dev", "front-ends")  # extras for who works on Inkling
REQUIREMENT = re.compile(
    r"([\w.-]+)(?:\[.*?\])?(?:.*?>=\s*([\d.]+))?[^;]*(?:;.*extra == '([\w-]+)')?"
)
KNOWN_REASONS = (  # why a database does not open: words of SQLite's and PostgreSQL's
    "password authentication failed",
    "no password supplied",
    "Connection refused",
    "resolve host",
    "timeout",
    "does not exist",
    "Permission denied",
    "permission denied",
    "unable to open database file",
    "file is not a database",
    "disk image is malformed",
    "database is locked",
)
ALIVE = {"status": "alive"}  # what /livez answers
MAX_ANSWER = 1000  # bytes, of a server that may be any
MIN_BYTES = 50_000_000  # free, below which a store soon cannot grow
SECONDS_TO_READ, SECONDS_TO_ANSWER = 60, 1  # that a slow machine, and a server, may take
PORT = 8000  # of `inkling serve`
OF_PORT = ("INKLING_PORT", "PORT")  # in the environment
SHOWN = ("INKLING_HOME", "INKLING_DATA")  # whose values are never secret
IMPORT = "import onnxruntime; print(onnxruntime.__version__)"


@dataclass(frozen=True)
class Finding:
    """What was looked at, what is there, and what mends it where something is wrong."""

    name: str
    state: State
    found: str
    mend: str = ""
    group: str = ""  # as in CHECKS


Found = Iterator[Finding]


def findings(*groups: str) -> list[Finding]:
    """Those of some groups of CHECKS, or of all. A check that fails is a problem itself."""
    found = []
    for group in groups or CHECKS:
        try:
            for finding in CHECKS[group]():
                found.append(_public(replace(finding, group=group)))  # noqa: PERF401  # may raise
        except Exception as cause:  # whatever it is: its text may be private, its kind is not
            said = f"this check could not be made: {type(cause).__name__}"
            found.append(Finding("check", "problem", said, "Report it, with this line", group))
    return found


def _public(finding: Finding) -> Finding:
    """A finding without the user's name: the home folder is ~, and the name elsewhere USER."""
    return replace(finding, found=_hidden(finding.found), mend=_hidden(finding.mend))


def _hidden(text: str) -> str:
    with suppress(RuntimeError):  # a user may have no home
        for home in {str(Path.home()), str(Path.home().resolve())} - {"/"}:
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    with suppress(KeyError, OSError):  # nor a name
        user = getpass.getuser()
        if user != "inkling":  # as in a container: folders of ours have that name
            text = re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\\s,;:]|$)", "USER", text)
    return text


def _inkling() -> Found:
    commit = system.commit()
    yield Finding("version", "ok", f"{__version__}, commit {commit}")
    yield Finding("package", "ok", str(system.PACKAGE))
    found = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding("Python", "ok", f"{found} at {sys.executable}")


def _machine() -> Found:
    described = system.describe()
    libc = " ".join(platform.libc_ver()).strip()
    yield Finding("system", "ok", f"{described['system']}{', ' * bool(libc)}{libc}")
    cores = f"{system.cores()} of {described['cores']} cores"
    parts = (described["processor"] or "unknown", cores, described["instructions"])
    yield Finding("processor", "ok", ", ".join(str(part) for part in parts if part))
    memory = "unknown"
    with suppress(AttributeError, ValueError, OSError):  # no POSIX system
        memory = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"
    yield Finding("memory", "ok", memory)
    try:
        home = system.home()
    except RuntimeError:
        found = "there is none: HOME is not set, and the user has no home folder"
        yield Finding("own folder", "problem", found, f"Set HOME, or {system.HOME}")
        return
    place = _existing(home)
    if place.is_dir() and os.access(place, os.W_OK):
        yield Finding("own folder", "ok", f"{home}, {_free(place) / 1e9:,.1f} GB free")
    else:
        mend = f"Name a folder that you may write to in {system.HOME}"
        yield Finding("own folder", "note", f"{home} cannot be written to", mend)


def _existing(path: Path) -> Path:
    """The path, or the nearest one above it that is there."""
    paths = (path.absolute(), *path.absolute().parents)
    return next(each for each in paths if os.path.exists(each))  # noqa: PTH110  # Path's may raise


def _free(place: Path) -> int:
    """The bytes that are free there."""
    return shutil.disk_usage(place).free


@functools.cache
def _requirements() -> Mapping[str, dict[str, str]]:
    """Of the base, "", and of each extra: the libraries, and the lowest version of each."""
    extras: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for line in importlib.metadata.requires(DISTRIBUTION) or ():
        if (match := REQUIREMENT.match(line.replace('"', "'"))) and match[1] != "inkling":
            extras[match[3] or ""][match[1]] = match[2] or "0"
    return extras


def _wanting(libraries: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Which of the libraries are not installed, and which are too old."""
    missing, old = [], []
    for name, lowest in libraries.items():
        try:
            version = importlib.metadata.version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if _numbers(version) < _numbers(lowest):
            old.append(f"{name} {version} (expected {lowest} or newer)")
    return missing, old


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _libraries() -> Found:
    try:
        base = _requirements()[""]
    except PackageNotFoundError:
        found = "Inkling runs from its folder and is not installed: its libraries are not known"
        yield Finding("base", "note", found, f"pip install {system.PACKAGE.parent}")
        return
    missing, old = _wanting(base)
    for wrong in (*(f"{name} is not installed" for name in missing), *old):
        mend = f"pip install --upgrade {wrong.partition(' ')[0]}"
        yield Finding("base", "problem", wrong, mend)
    there = (name for name in base if name not in missing)
    found = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in there)
    yield Finding("versions", "ok", found)
    with suppress(PackageNotFoundError):
        yield Finding("PyTorch", "ok", _torch())


def _torch() -> str:
    """The version of PyTorch and what it was built for, without importing it."""
    torch = importlib.metadata.distribution("torch")
    text = Path(str(torch.locate_file("torch/version.py"))).read_text()
    built = dict(re.findall(r"^(cuda|hip)\b.*?= '(.+)'$", text, re.MULTILINE))
    kind = " and ".join(f"{name.upper()} {version}" for name, version in built.items())
    return f"{torch.version}, for {kind or 'the processor alone'}"


def _extras() -> Found:
    with suppress(PackageNotFoundError):
        extras = _requirements()
        for extra, libraries in sorted(extras.items()):
            if extra and extra not in DEVELOPMENT:
                within = {
                    name for of in extras.values() if of.keys() < libraries.keys() for name in of
                }
                yield _extra(extra, libraries, sorted(libraries.keys() - within))


def _extra(extra: str, libraries: Mapping[str, str], own: list[str]) -> Finding:
    """What is to be said of an extra; `own` are the libraries that no part of it brings."""
    missing, old = _wanting(libraries)
    mend = f"pip install '{DISTRIBUTION}[{extra}]'"
    if missing:
        which = "" if len(missing) == len(libraries) else f": {', '.join(missing)}"
        found = f"not installed; lacks {len(missing)} of {len(libraries)} libraries{which}"
        return Finding(extra, "note", found, mend)
    if old:
        return Finding(extra, "problem", ", ".join(old), f"{mend} --upgrade")
    said = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in own)
    return Finding(extra, "ok", f"installed: {said}")


def _is_installed(extra: str) -> bool:
    try:
        return not _wanting(_requirements()[extra])[0]
    except PackageNotFoundError:  # then what can be imported decides
        return extra in system.EXTRAS and system.missing_extra("It", extra) is None


def _tried(*arguments: str) -> "subprocess.Popen[str]":
    """Python in a process of its own, which imports what this one imports."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": path, "ORT_DISABLE_TELEMETRY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _outcome(process: "subprocess.Popen[str]") -> tuple[list[str], str]:
    """The lines that it wrote, and why it failed: "" where it did not."""
    try:
        out, err = process.communicate(timeout=SECONDS_TO_READ)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0].splitlines(), f"no answer within {SECONDS_TO_READ} s"
    lines, code = out.splitlines(), process.returncode
    if code < 0:
        return lines, f"it was ended by {signal.Signals(-code).name}"
    # of a traceback, the kind of the exception: its text may be private
    kind = re.match(r"[\w.]+", err.strip().rpartition("\n")[2])
    return lines, (kind[0] if kind else f"exit code {code}") if code else ""


def _reading() -> Found:
    """Whether ONNX Runtime can be imported, and the bundles here read a drawing of a 7."""
    importing, reading = _tried("-c", IMPORT), _tried("-m", "inkling.reading.check", str(RUNS))
    said, failed = _outcome(importing)
    lines, broken = _outcome(reading)
    missing = {"error": f"it cannot be read with: {broken}", "hint": "See ONNX Runtime above"}
    shipped, served = (*map(json.loads, lines), missing, missing)[:2]
    reads = (shipped.get("label"), shipped.get("number")) == ("7", "7")
    if failed:
        illegal = "SIGILL" in failed or "SIGSEGV" in failed
        yield Finding(
            "ONNX Runtime",
            "note" if reads else "problem",
            f"it cannot be imported: {failed}",
            "Its build does not suit this processor: install another version of onnxruntime"
            if illegal
            else "pip install --force-reinstall onnxruntime",
        )
    else:
        yield Finding("ONNX Runtime", "ok", f"{said[-1]} can be imported")
    if reads:
        found = f"{shipped['engine']} reads a drawn 7, as a digit and a number"
        yield Finding("shipped bundle", "ok", f"{found}; SHA-256 {shipped['sha256']}")
    elif shipped is missing:
        yield Finding("shipped bundle", "problem", missing["error"], missing["hint"])
    else:
        found = f"a drawn 7 is read as {shipped.get('label')}, as a number {shipped.get('number')}"
        again = "Install Inkling again, so that its files are whole"
        yield Finding("shipped bundle", "problem", shipped.get("error", found), again)
    if shipped is not missing:
        yield _served(served)


def _served(served: dict[str, str]) -> Finding:
    """What is to be said of the chosen bundle."""
    back = "inkling teach --back"
    if "gone" in served:
        found = f"{served['gone']} was chosen, but is not here: the bundle that ships is served"
        return Finding("served bundle", "note", found, back)
    if "error" in served:
        mend = f"{served['hint']}, or: {back}"
        return Finding("served bundle", "problem", served["error"], mend)
    found = served["name"]
    if "sha256" in served:
        found += f", reads; SHA-256 {served['sha256']}"
    return Finding("served bundle", "ok", found)


def _data() -> Found:
    """Which data sets are here. Their sizes are looked at; loading them verifies their content."""
    from inkling import data

    places = ", ".join(
        f"{folder}{'' if os.path.isdir(folder) else ' (not there)'}"  # noqa: PTH112  # as above
        for folder in data.folders()
    )
    yield Finding("looked for in", "ok", places)
    for name, dataset in data.CATALOG.items():
        found = data.looked_at(dataset)
        wrong = [path for path, is_right in found.items() if not is_right]
        if wrong:
            said = f"{wrong[0]} is not of the published size"
            mend = f"Delete that file, then: inkling data fetch {name}"
            yield Finding(name, "problem", said, mend)
        elif data.is_here(dataset):
            where = ", ".join(sorted({str(path.parent) for path in found}))
            yield Finding(name, "ok", where or "with scikit-learn")
        else:
            mend = f"inkling data fetch {name}"
            if dataset.strokes and name != "unipen":
                mend = f"Put its files into {data.cache_folder() / name}; from {dataset.url}"
            elif not dataset.files and not dataset.strokes:
                mend = f"pip install '{DISTRIBUTION}[train]'"
            yield Finding(name, "note", "not here", mend)


def _store() -> Found:
    """The drawings' database, opened to be read; what is in it is not shown."""
    if not _is_installed("serve"):
        mend = f"pip install '{DISTRIBUTION}[serve]'"
        yield Finding("drawings", "note", "keeping drawings needs an extra", mend)
        return
    from inkling.drawings import ENVIRONMENT, default_url
    from inkling.drawings.database import look

    named = f"named by {ENVIRONMENT}" if os.environ.get(ENVIRONMENT) else "the default"
    try:
        seen = look(default_url())
    except InklingError as error:
        yield Finding("drawings", "problem", _reason(error), error.hint)
        return
    place = f"SQLite, {seen.path}" if seen.path else "PostgreSQL"
    yield Finding("database", "ok", f"{place}, {named}")
    if seen.path:
        yield _room(seen.path)
    if seen.version is None:
        yield Finding("drawings", "ok", "none yet: it is made when it is first used")
        return
    if seen.is_newer:
        found = f"schema {seen.version}, which a newer version of Inkling has written"
        mend = f"Use that version of Inkling, or name another store in {ENVIRONMENT}"
        yield Finding("drawings", "problem", found, mend)
        return
    later = f"; it becomes {seen.newest} when it is next used"
    found = f"{seen.drawings:,} drawings, schema {seen.version}"
    yield Finding("drawings", "ok", found + later * (seen.version != seen.newest))


def _room(path: Path) -> Finding:
    """Whether a file, and what SQLite puts beside it, can be written."""
    place = _existing(path.parent)
    file = path if path.exists() else place
    free = _free(place)
    mend = "Name another file in INKLING_DRAWINGS, or a folder for it in INKLING_HOME"
    if not (os.access(place, os.W_OK) and os.access(file, os.W_OK)):
        return Finding("room", "problem", "it cannot be written to", mend)
    if free < MIN_BYTES:
        return Finding("room", "problem", f"{free / 1e6:.0f} MB are free", mend)
    return Finding("room", "ok", f"it can be written to; {free / 1e9:,.1f} GB are free")


def _reason(error: InklingError) -> str:
    """Why a database does not open, without its address, which others need not know."""
    if isinstance(error, StoreError) and (cause := error.__cause__):
        cause = getattr(cause, "orig", cause)
        known = (reason for reason in KNOWN_REASONS if reason in str(cause))
        return f"it does not open: {next(known, type(cause).__name__)}"
    return re.sub(r"got '.*' \(", "got another text (", error.error, flags=re.DOTALL)


def _port() -> Found:
    """Whether `inkling serve` could listen, or does already."""
    if not _is_installed("serve"):
        return
    named = next((name for name in OF_PORT if os.environ.get(name)), "")
    text = os.environ.get(named, str(PORT))
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65535:
        found = f"{named}: expected a number of at most 65535, got another text"
        yield Finding(named, "problem", found, f"unset {named}")
        return
    port = int(text)
    try:
        with socket.socket() as listener:
            if os.name == "posix":  # as a server does; elsewhere it would mean another thing
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
    except OSError as cause:
        yield _taken(port, cause.strerror or type(cause).__name__)
        return
    yield Finding(str(port), "ok", "free: inkling serve can listen there")


def _taken(port: int, why: str) -> Finding:
    """Who listens at a port: an Inkling, or another program."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_TO_ANSWER)
    with closing(connection), suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", "/livez")
        if json.loads(connection.getresponse().read(MAX_ANSWER)) == ALIVE:
            return Finding(str(port), "ok", "inkling serve runs there")
    mend = "inkling serve --port 0 (takes a free one)"
    return Finding(str(port), "problem", f"inkling serve cannot listen: {why}", mend)


def _environment() -> Found:
    """Inkling's variables of the environment; only values that are never secret are shown."""
    for name in sorted(name for name in os.environ if name.startswith("INKLING_")):
        if name not in variables():
            mend = suggest(name, variables(), "Unset it")
            yield Finding(name, "note", "Inkling knows no such variable", mend)
            continue
        value = os.environ[name]
        is_file = name == "INKLING_DRAWINGS" and value.startswith("sqlite:")
        shown = value if name in SHOWN or is_file else "set (its value is not shown)"
        yield Finding(name, "ok", shown)


@functools.cache
def variables() -> frozenset[str]:
    """The variables that Inkling reads: its own, and one for each option of `inkling serve`."""
    from typer.main import get_command

    from inkling.cli import serving

    options = (parameter.name for parameter in get_command(serving.commands).params)
    of_options = {f"INKLING_{name.upper().rstrip('_')}" for name in options if name}
    return frozenset({*SHOWN, "INKLING_DRAWINGS", *of_options} - {"INKLING_HELP"})


CHECKS: dict[str, Callable[[], Found]] = {  # by group, in the order in which they are shown
    "inkling": _inkling,
    "machine": _machine,
    "libraries": _libraries,
    "extras": _extras,
    "reading": _reading,
    "data": _data,
    "store": _store,
    "port": _port,
    "environment": _environment,
}
