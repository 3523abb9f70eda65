"""A lesson: one Python file -> a notebook that ran -> a page.

A lesson is plain Python in cells (`# %%`), which Jupyter opens through jupytext. Tags of a cell:

    check      the check of an exercise: folded on the page
    exercise   what the reader completes
    solution   folded on the page
    varies     its output differs from machine to machine, and is not compared

`alt="..."` says what the picture of a cell shows. `tolerance=0.2` is the relative difference that
numbers of its output may have; otherwise it is TOLERANCE.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

LESSONS = Path(__file__).parent.parent / "lessons"
OUTPUTS = LESSONS / "outputs.json"  # what each cell is expected to print
TOLERANCE = 0.02
SECONDS = 120  # a cell may take
FOLDED = {"check": '??? info "The check"', "solution": '??? success "A solution"'}
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")


def names() -> list[str]:
    """The lessons in their order, as "01-data"."""
    return [path.stem for path in sorted(LESSONS.glob("*.py"))]


def executed(name: str, folder: Path) -> nbformat.NotebookNode:
    """The notebook of a lesson, run from top to bottom in `folder`. Raises CellExecutionError."""
    notebook = jupytext.read(LESSONS / f"{name}.py")
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for cell in notebook.cells:
        if FOLDED.keys() & tags(cell):
            cell.metadata["jupyter"] = {"source_hidden": True}
    folder.mkdir(parents=True, exist_ok=True)
    NotebookClient(
        notebook,
        timeout=SECONDS,
        resources={"metadata": {"path": folder}},
        extra_arguments=["--log-level=ERROR"],
    ).execute()
    return notebook


def tags(cell: nbformat.NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", []))


def printed(cell: nbformat.NotebookNode) -> str:
    """The text that a cell put out: printed, or the value of its last line."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
        elif output.output_type == "execute_result" and "image/png" not in data:
            texts.append(data["text/plain"] + "\n")
    return "".join(texts)


def differences(name: str, notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Where the output of a lesson is not the expected one, a line each."""
    expected = json.loads(OUTPUTS.read_text()).get(name, [])
    cells = compared(notebook)
    if len(cells) != len(expected):
        yield f"{name}: expected output of {len(expected)} cells, got {len(cells)}"
    for cell, old in zip(cells, expected, strict=False):
        new = printed(cell)
        if not agree(new, old, cell.metadata.get("tolerance", TOLERANCE)):
            yield f"{name}: expected {old!r}, got {new!r}"


def unchecked(name: str, notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Exercises that are right before a reader has written anything, and wrong solutions."""
    for cell in notebook.cells:
        for tag, begin in (("exercise", "Not yet. "), ("solution", "Right.")):
            if tag in tags(cell) and not printed(cell).startswith(begin):
                yield f"{name}: expected {begin!r} from the {tag}, got {printed(cell)!r}"


def compared(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells whose output has to stay."""
    return [cell for cell in notebook.cells if printed(cell) and "varies" not in tags(cell)]


def agree(new: str, old: str, tolerance: float) -> bool:
    """Whether two outputs have the same words, and numbers within a relative tolerance."""
    values = [
        [float(found.replace(",", "")) for found in NUMBER.findall(text)] for text in (new, old)
    ]
    words = [" ".join(NUMBER.sub("0", text).split()) for text in (new, old)]
    return words[0] == words[1] and all(
        abs(one - other) <= tolerance * max(abs(other), 1e-6)
        for one, other in zip(*values, strict=True)
    )


def page(name: str, notebook: nbformat.NotebookNode, folder: Path) -> str:
    """The Markdown of a lesson; its pictures are written into `folder`/`name`."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        shown = [f"```python\n{cell.source}\n```"]
        if text := printed(cell):
            shown.append(f"```text\n{text.rstrip()}\n```")
        shown += [
            _picture(name, cell, data, folder)
            for output in cell.outputs
            if (data := output.get("data", {}).get("image/png"))
        ]
        for tag in FOLDED.keys() & tags(cell):
            shown = [FOLDED[tag] + "\n" + indent("\n\n".join(shown), "    ")]
        parts += shown
    head = f"[This lesson as a notebook]({name}.ipynb){{ .md-button download }}"
    title, rest = parts[0].split("\n", 1)
    return "\n\n".join([title, head, rest, *parts[1:]]) + "\n"


def _picture(name: str, cell: Any, data: str, folder: Path) -> str:
    if "alt" not in cell.metadata:
        raise ValueError(f'{name}: expected alt="..." where a cell shows a picture: {cell.source}')
    (folder / name).mkdir(parents=True, exist_ok=True)
    path = folder / name / f"{len(list((folder / name).iterdir())) + 1}.png"
    path.write_bytes(base64.b64decode(data))
    return f"![{cell.metadata['alt']}]({name}/{path.name})"
