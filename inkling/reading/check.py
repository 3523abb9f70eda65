"""Whether the bundles here read. `inkling doctor` runs this file in a process of its own.

    python -m inkling.reading.check RUNS

A library that the processor cannot run ends that process, and not the command. It prints a JSON
object a line: the bundle that ships first, then the one that is served.
"""

import json
import os
import sys
from pathlib import Path

from inkling import system
from inkling.errors import InklingError
from inkling.ink import Drawing
from inkling.reading.reader import Reader
from inkling.reading.registry import PRETRAINED, Registry

SEVEN = Drawing([[(110, 90), (190, 84), (268, 80), (235, 160), (200, 240), (184, 320)]])
ENGINES = {"onnxruntime": "ONNX Runtime", "numpy": "NumPy"}
Line = dict[str, str]


def shipped() -> Line:
    """What the bundle that ships says of a drawing of a 7: as a digit, and as a number."""
    try:
        reader = Reader.load()
        label, number = reader.read(SEVEN).name, reader.read_number(SEVEN).text
    except InklingError as error:
        return _wrong(error)
    return {"label": label, "number": number, "engine": ENGINES[reader.engine]} | _is(reader)


def served(registry: Registry) -> Line:
    """What the chosen bundle says of it. One of clothing says something, too."""
    name = registry.chosen()
    if name == PRETRAINED:
        gone = _choice(registry.choice)
        return {"name": name} if gone in ("", PRETRAINED) else {"name": name, "gone": gone}
    try:
        reader = Reader.load(registry.path_of_choice())
        return {"name": name, "label": reader.read(SEVEN).name} | _is(reader)
    except InklingError as error:
        return {"name": name} | _wrong(error)


def _choice(file: Path) -> str:
    """The name of the bundle that was chosen, be it here or gone."""
    return os.fsdecode(file.read_bytes()).partition("\n")[0] if file.is_file() else ""


def _is(reader: Reader) -> Line:
    return {"sha256": reader.card.model_sha256[:12]}


def _wrong(error: InklingError) -> Line:
    return {"error": error.error, "hint": error.hint}


if __name__ == "__main__":
    print(json.dumps(shipped()), flush=True)  # noqa: T201  # it is a command
    print(json.dumps(served(Registry(system.home(), Path(sys.argv[1])))))  # noqa: T201  # it is a command
