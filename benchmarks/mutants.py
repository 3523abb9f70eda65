"""Puts small faults into a copy of the code, one at a time, and counts those that no test sees.

    python benchmarks/mutants.py [--n 300] [--seed 28] [--only PART_OF_A_PATH] [--fresh]

The faults are of what reads, measures and stores, and of what warps training images. They are
drawn at random from all there are: a comparison, an operator, a condition is another, a number is
doubled, a condition lacks a part, a function returns nothing, a call is gone. First the tests run
once, to see which lines each executes. Then each fault meets the tests that execute its line, the
quickest first, until one fails. A fault that makes them ten times as slow is seen. In the end the
tests that failed run once more, without a fault: what fails then, too, has seen nothing. Left out
are the tests marked slow, those that need a browser, and those of PostgreSQL unless
INKLING_POSTGRES names a server.

What is known is kept in build/mutants/: a run that was stopped goes on, and after a change of the
tests it repeats the faults that were not seen and have no reason. --fresh forgets it. Why no test
should see a fault stands in benchmarks/mutants.json. Prints each fault not seen, and writes
results/mutants.json if the numbers are the usual ones. The exit status is 1 if more than 8 % are
not seen, or one of them has no reason.
"""

import argparse
import ast
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # so that a fork is sound
os.environ |= {"CI": "true"}  # hypothesis draws the same examples always, and keeps none

import pytest

from inkling import system

N, SEED, MAX_UNSEEN = 300, 28, 0.08
SOURCES = (
    "acceptance.py", "augmentation/warp.py", "drawings/*.py", "experiments/events.py",
    "experiments/leaderboard.py", "experiments/records.py", "experiments/runs.py", "files.py",
    "ink/*.py", "metrics.py", "reading/*.py",
)  # fmt: skip
TESTS = (
    "acceptance", "augment", "backup", "bulk", "bundle", "colour", "decode", "decoding", "doctor",
    "drawings", "events", "formats", "hub", "ink", "js", "js_pictures", "lines", "looking",
    "metrics", "models", "notebook", "numbers", "numpy_engine", "own_data", "pages_of_files",
    "paper", "pressure", "reader", "record", "registry", "runs", "sources", "versions", "web",
)  # fmt: skip
PATHS = [f"tests/test_{name}.py" for name in TESTS]
HEAVY = ("torch", "onnxruntime", "onnx", "scipy.ndimage", "scipy.optimize", "scipy.stats",
         "pydantic", "sqlalchemy", "alembic", "fastapi", "uvicorn", "httpx", "PIL.Image",
         "hypothesis", "pypdfium2", "pi_heif", "requests", "pyarrow.parquet")  # fmt: skip
SECONDS = 40.0  # of tests that meet one fault, at most
ROOT = Path(__file__).parent.parent
KEPT = ROOT / "build" / "mutants"
REASONS: dict[str, str] = json.loads(Path(__file__).with_suffix(".json").read_text())
OPTIONS = ["-m", "not slow and not faults", "-p", "no:cacheprovider",
           "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # fmt: skip
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Add, ast.USub: ast.UAdd,
}  # fmt: skip

Lines = frozenset[tuple[str, int]]  # of files


@dataclass(frozen=True)
class Fault:
    """A small change of a file's text."""

    file: str
    line: int
    what: str  # the code before and after, shortened, and where in its line
    place: int  # among the faults of this file
    lines: Lines  # a test that executes one of these may see it


def name_of(fault: Fault) -> str:
    """What REASONS call it."""
    return f"{fault.file}: {fault.what}"


@dataclass(frozen=True)
class Test:
    """A test that passes."""

    name: str  # as pytest has it
    seconds: float
    lines: Lines  # that it executes


def main() -> int:
    """Draw the faults, try each, print those that are not seen and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=N, help="faults")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="a part of the paths of the changed files")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(KEPT, ignore_errors=True)
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            __import__(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "inkling"]:
        del sys.modules[name]  # each fork imports its own
    with tempfile.TemporaryDirectory(prefix="inkling-mutants-") as folder:
        copy = Path(folder)
        sources = copied(copy)
        tests = measured(copy, digest(sources.values()))
        faults = every_fault(sources, options.only)
        random.Random(options.seed).shuffle(faults)
        found = tried(copy, sources, faults[: options.n], tests)
    return report(found, options)


def copied(copy: Path) -> dict[str, str]:
    """Copy the checkout, as it is, to a folder; the text of each file of the package."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "-co", "--exclude-standard"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    paths = sorted((copy / "inkling").rglob("*.py"))
    return {str(path.relative_to(copy)): path.read_text() for path in paths}


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def digest(texts: Any) -> str:
    """A short name of some texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


# --- Faults


def every_fault(sources: dict[str, str], only: str) -> list[Fault]:
    """All faults of the files that are to be changed."""
    users: dict[str, set[tuple[str, int]]] = defaultdict(set)  # lines that use a name
    for file, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name | ast.Attribute):
                name = node.id if isinstance(node, ast.Name) else node.attr
                users[name].add((file, node.lineno))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for used in ast.walk(node.args):  # no test executes a default, but its function
                    if isinstance(used, ast.Name):
                        users[used.id] |= {(file, line) for line in body_of(node)}
    changed = {
        str(path.relative_to(ROOT)) for part in SOURCES for path in ROOT.glob(f"inkling/{part}")
    }
    found = []
    for file in sorted(changed):
        if only not in file:
            continue
        tree, texts = ast.parse(sources[file]), sources[file].splitlines()
        for place, (node, field, new, lines) in enumerate(changes(tree)):
            before, around = shown(node), texts[node.lineno - 1].strip()
            with changed_to(node, field, new):
                what = f"{before} -> {shown(node)} at {node.col_offset} of {around}"
            where = {(file, line) for line in lines if isinstance(line, int)}
            for name in lines:
                where |= users[name] if isinstance(name, str) else set()
            found.append(Fault(file, node.lineno, what, place, frozenset(where)))
    return found


def shown(node: ast.AST) -> str:
    """The code of a node, or the beginning of it."""
    return ast.unparse(node).partition("\n")[0][:80]


Change = tuple[Any, str, Any, Sequence[int | str]]  # node, field, its new value, lines or names


def changes(tree: ast.Module) -> Iterator[Change]:
    """All changes of a module, with the lines that execute them, or names whose users do."""

    def inside(node: ast.AST, lines: Sequence[int | str]) -> Iterator[Change]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            lines = body_of(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not isinstance(lines, range):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            lines = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        elif isinstance(node, ast.ClassDef):
            lines = [node.name]
        elif isinstance(node, ast.stmt) and isinstance(lines, range):
            body = getattr(node, "body", None) or getattr(node, "cases", None)
            end = (node.end_lineno or 0) if not body else first_line(body[0]) - 1
            lines = range(node.lineno, max(end, node.lineno) + 1)
        yield from ((*change, lines) for change in of_node(node))
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns", "decorator_list"):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from inside(child, lines)

    yield from inside(tree, [])


def body_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> range:
    """The lines of a function without its first."""
    body: list[Any] = node.body if isinstance(node.body, list) else [node.body]
    return range(body[0].lineno, body[-1].end_lineno + 1)


def first_line(node: Any) -> int:
    """Where a statement or a case begins."""
    return int(node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno)


def of_node(node: Any) -> Iterator[tuple[Any, str, Any]]:
    """The changes of one node of a module."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield node, "ops", [SWAPS[type(op)]()]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.UnaryOp(op=op) if type(op) in SWAPS:
            yield node, "op", SWAPS[type(op)]()
        case ast.BoolOp(values=values):
            for index in range(len(values)):
                yield node, "values", values[:index] + values[index + 1 :]
        case ast.If(test=test) | ast.IfExp(test=test):
            yield node, "test", ast.UnaryOp(ast.Not(), test)
        case ast.Return(value=ast.expr() as value) if not is_none(value):
            yield node, "value", ast.Constant(None)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            yield node, "value", value * 2 or 1
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield node, "value", ast.Constant(None)


def is_none(node: ast.expr) -> bool:
    """Whether an expression is None."""
    return isinstance(node, ast.Constant) and node.value is None


@contextlib.contextmanager
def changed_to(node: Any, field: str, new: Any) -> Iterator[None]:
    """Within this, a field of a node has another value."""
    old = getattr(node, field)
    setattr(node, field, new)
    yield
    setattr(node, field, old)


# --- Tests


def measured(copy: Path, code: str) -> list[Test]:
    """The tests, each with the lines that it executes, the quickest first.

    What is known of a test file holds while it, conftest.py and the `code` stay as they are.
    """
    common = (copy / "tests" / "conftest.py").read_text()
    tests: list[Test] = []
    for path in PATHS:
        name = Path(path).stem
        kept = KEPT / "lines" / f"{name}-{digest([code, common, (copy / path).read_text()])}.json"
        if not kept.exists():
            say(f"The lines of {path}")
            kept.parent.mkdir(parents=True, exist_ok=True)
            for old in kept.parent.glob(f"{name}-*.json"):
                old.unlink()
            forked(copy, partial(under_pytest, copy, path, plugin=Tracer(copy, kept)), 1200)
        for test, seconds, lines in json.loads(kept.read_text()):
            where = frozenset((file, line) for file, many in lines.items() for line in many)
            tests.append(Test(test, seconds, where))
    return sorted(tests, key=lambda test: test.seconds)


class Tracer:
    """A pytest plugin that writes the seconds and the executed lines of each test that passes."""

    def __init__(self, copy: Path, path: Path) -> None:
        self.package = f"{copy.resolve()}/inkling/"
        self.start = len(self.package) - len("inkling/")
        self.path = path
        self.lines: dict[str, set[int]] = defaultdict(set)
        self.found: list[tuple[str, float, dict[str, list[int]]]] = []
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what needs a browser."""
        items[:] = [i for i in items if "chromium" not in getattr(i, "fixturenames", ())]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Run a test, with the caches of the package emptied: they would hide lines."""
        for module in [m for n, m in sys.modules.items() if n.startswith("inkling")]:
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
        self.lines = defaultdict(set)
        begun = time.perf_counter()
        threading.settrace(self.call)
        sys.settrace(self.call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]  # which ends it
            seconds = round(time.perf_counter() - begun, 3)
            if item.nodeid not in self.failed:
                lines = {file: sorted(many) for file, many in self.lines.items()}
                self.found.append((item.nodeid, seconds, lines))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Leave out what fails or is skipped."""
        if not report.passed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        self.path.write_text(json.dumps(self.found))

    def call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """Whether and how to trace a function."""
        name = frame.f_code.co_filename
        if not name.startswith(self.package):
            return None
        seen = self.lines[name[self.start :]]

        def line(frame: FrameType, _event: str, _argument: object) -> Any:
            seen.add(frame.f_lineno)
            return line

        return line


def under_pytest(copy: Path, *options: str, plugin: object = None) -> int:
    """Run tests of the copy within this process: pytest's exit status."""
    without = [] if os.environ.get("INKLING_POSTGRES") else ["-k", "not postgres"]
    arguments = [*OPTIONS, *without, "--rootdir", str(copy), *options]
    return int(pytest.main(arguments, plugins=[plugin] if plugin else []))


def forked(copy: Path, work: Callable[[], int], seconds: float) -> int | None:
    """What a function returns in a fork of this process, in the copy; None if it takes too long."""
    child = os.fork()
    if not child:
        try:
            os.setsid()
            os.chdir(copy)
            sys.path[:0] = [str(copy), str(copy / "tests")]
            os.environ["PYTHONPATH"] = str(copy)
            log = os.open(copy / "log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            status = work()
        except BaseException:
            traceback.print_exc()
            status = 70  # EX_SOFTWARE of sysexits.h
        sys.stdout.flush()
        os._exit(status)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # it, and what its tests started
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


# --- Trials


class Chosen:
    """A pytest plugin that runs the tests with these names, in this order; it writes what fails."""

    def __init__(self, names: Sequence[str], path: Path) -> None:
        self.names, self.path = names, path

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the others."""
        known = {item.nodeid: item for item in items}
        items[:] = [known[name] for name in self.names if name in known]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the name of the test."""
        if report.failed:
            with self.path.open("a") as file:
                file.write(report.nodeid + "\n")


def tried(
    copy: Path, sources: dict[str, str], faults: Sequence[Fault], tests: Sequence[Test]
) -> list[tuple[Fault, str | None]]:
    """Each fault with the test that sees it; None where none does."""
    path = KEPT / "tried.jsonl"
    now = digest(text.read_text() for text in sorted((copy / "tests").glob("*.py")))
    kept: dict[str, dict[str, Any]] = {}
    if path.exists():
        kept = {one["fault"]: one for one in map(json.loads, path.read_text().splitlines())}
    forked(copy, partial(under_pytest, copy, "--collect-only", *PATHS), 300)  # compiles them
    found: list[tuple[Fault, str | None]] = []
    for number, fault in enumerate(faults):
        name = f"{fault.file} {digest([sources[fault.file]])} {fault.place}"
        one = kept.get(name)
        if one is None or not (one["by"] or one["tests"] == now or name_of(fault) in REASONS):
            begun = time.monotonic()
            by = seen_by(copy, sources[fault.file], fault, tests)
            seconds = round(time.monotonic() - begun, 1)
            one = {"fault": name, "by": by, "tests": now, "seconds": seconds}
            with path.open("a") as file:
                file.write(json.dumps(one) + "\n")
        found.append((fault, one["by"]))
        if one["by"] is None:
            unseen = sum(by is None for _, by in found)
            say(f"{unseen} of {number + 1}: {fault.file}:{fault.line}: {fault.what}")
    names = {by for _, by in found if by}
    _, wrong = failing(copy, sorted(names), 600)
    for name in wrong:
        say(f"Fails without a fault: {name}")
    return [(fault, None if by in wrong else by) for fault, by in found]


def seen_by(copy: Path, text: str, fault: Fault, tests: Sequence[Test]) -> str | None:
    """The test that sees a fault; None if none does."""
    names, seconds = [], 0.0
    for test in tests:
        if test.lines & fault.lines and seconds + test.seconds <= SECONDS:
            names.append(test.name)
            seconds += test.seconds
    if not names:
        return None
    path = copy / fault.file
    stat, tree = path.stat(), ast.parse(text)
    node, field, new, _ = list(changes(tree))[fault.place]
    with changed_to(node, field, new):
        path.write_text(ast.unparse(tree))
    try:
        status, failed = failing(copy, names, 20 + 10 * seconds, "-x")
    finally:
        path.write_text(text)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    if failed:
        return failed[0]
    if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return None
    return "too slow" if status is None else f"exit status {status}"


def failing(
    copy: Path, names: Sequence[str], seconds: float, *options: str
) -> tuple[int | None, list[str]]:
    """pytest's exit status for tests of the copy, None after so many seconds; and which failed."""
    path = copy / "failed"
    path.write_text("")
    files = sorted({name.partition("::")[0] for name in names if "::" in name})

    def work() -> int:
        sys.dont_write_bytecode = True  # what is compiled stays as it was
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        return under_pytest(copy, *options, *files, plugin=Chosen(names, path))

    return forked(copy, work, seconds), path.read_text().splitlines()


def report(found: Sequence[tuple[Fault, str | None]], options: argparse.Namespace) -> int:
    """Print the figures and write the record; the exit status."""
    all_, lived = (Counter(f.file for f, by in found if by is None or n) for n in (True, False))
    unseen = [
        {
            "file": f.file,
            "line": f.line,
            "fault": f.what,
            "reason": REASONS.get(name_of(f)),
        }
        for f, by in found
        if by is None
    ]
    say(f"{len(unseen)} of {len(found)} faults were not seen, {len(unseen) / len(found):.1%}")
    for one in unseen:
        if not one["reason"]:
            say(f"Without a reason: {one['file']}:{one['line']}: {one['fault']}")
    record = {
        "seed": options.seed,
        "n": len(found),
        "unseen": len(unseen),
        "files": {file: {"n": n, "unseen": lived[file]} for file, n in sorted(all_.items())},
        "faults": unseen,
        "versions": system.versions("hypothesis", "numpy", "pytest", "scipy", "torch"),
        "commit": system.commit(),
    }
    if (options.n, options.seed, options.only) == (N, SEED, ""):
        path = ROOT / "results" / "mutants.json"
        path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return int(len(unseen) > MAX_UNSEEN * len(found) or not all(one["reason"] for one in unseen))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends its forks, too
    sys.exit(main())
