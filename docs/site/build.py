"""The documentation site: pages, lessons that run, and reference pages -> build/site.

    python docs/site/build.py             all of it; fails on a warning or a dead link
    python docs/site/build.py --lessons 04-backpropagation ...   run these lessons alone
    python docs/site/build.py --accept    take the lessons' output as the expected one

A lesson runs again once it or the package has changed.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import checks
import figures
import lessons
import nbformat
import playground
import reference

from inkling import system

ROOT = Path(__file__).parent.parent.parent
BUILD = ROOT / "build"
PAGES = BUILD / "docs"  # what Zensical reads
RUN = BUILD / "lessons"  # the notebooks that ran


def main() -> int:
    """Build the site; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lessons", nargs="+", metavar="NAME", help="run these alone")
    parser.add_argument("--accept", action="store_true", help="write the expected output")
    options = parser.parse_args()
    # The lessons' runs and drawings lie here, not among the user's; two lessons run side by side.
    os.environ |= {system.HOME: str(RUN / "home"), "OMP_NUM_THREADS": "1"}
    names = options.lessons or lessons.names()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        notebooks = dict(zip(names, pool.map(_notebook, names), strict=True))
    if options.accept:
        _accept(notebooks)
    problems = [
        line
        for check in (lessons.unchecked, lessons.differences)
        for name in names
        for line in check(name, notebooks[name])
    ]
    if not options.lessons and not problems:
        _assemble(notebooks)
        strict = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
        if subprocess.run(strict, cwd=ROOT).returncode:
            return 1
        problems = list(checks.problems(BUILD / "site"))
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201  # it is a command
    return int(bool(problems))


def _notebook(name: str) -> nbformat.NotebookNode:
    """The lesson, run; or as it ran before, if it is the same."""
    sources = [lessons.LESSONS / f"{name}.py", *sorted((ROOT / "inkling").rglob("*.py"))]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    path = RUN / f"{name}-{digest[:12]}.ipynb"
    if path.exists():
        return nbformat.read(path, as_version=4)
    notebook = lessons.executed(name, RUN / name)
    for old in RUN.glob(f"{name}-*.ipynb"):
        old.unlink()
    nbformat.write(notebook, path)
    return notebook


def _accept(notebooks: dict[str, nbformat.NotebookNode]) -> None:
    """Write what the lessons printed as what is expected."""
    expected = json.loads(lessons.OUTPUTS.read_text()) if lessons.OUTPUTS.exists() else {}
    for name, notebook in notebooks.items():
        expected[name] = [lessons.printed(cell) for cell in lessons.compared(notebook)]
    lessons.OUTPUTS.write_text(json.dumps(dict(sorted(expected.items())), indent=1) + "\n")


def _assemble(notebooks: dict[str, nbformat.NotebookNode]) -> None:
    """Write all that Zensical reads."""
    shutil.rmtree(PAGES, ignore_errors=True)
    ignored = shutil.ignore_patterns("site", "lessons")
    shutil.copytree(ROOT / "docs", PAGES, ignore=ignored)
    learn = PAGES / "learn"
    for name, notebook in notebooks.items():
        for cell in notebook.cells:
            cell.source = figures.filled(cell.source)
        (learn / f"{name}.md").write_text(lessons.page(name, notebook, learn))
        nbformat.write(notebook, learn / f"{name}.ipynb")
    for name, text in reference.pages().items():
        (PAGES / "reference").mkdir(exist_ok=True)
        (PAGES / "reference" / f"{name}.md").write_text(text)
    for page in PAGES.rglob("*.md"):
        page.write_text(figures.filled(page.read_text()))
    figures.add_sources(PAGES)
    playground.write(learn / "playground")
    shutil.copy(playground.STATIC / "icon.svg", PAGES)


if __name__ == "__main__":
    sys.exit(main())
