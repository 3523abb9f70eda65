"""The base install reads a digit, and needs nothing of the extras to do so."""

import importlib
import importlib.util
import subprocess
import sys

import inkling
from inkling.errors import MissingExtra

for library in ("torch", "fastapi", "sqlalchemy"):
    assert importlib.util.find_spec(library) is None, library
seven = inkling.Drawing([[(110, 80), (270, 80), (180, 310)]])
assert inkling.Reader.load().read(seven).label == 7
without = """
import sys
sys.modules["onnxruntime"] = None  # which cannot be imported then
import inkling
reader = inkling.Reader.load()
seven = inkling.Drawing([[(110, 80), (270, 80), (180, 310)]])
assert reader.engine == "numpy"
assert (reader.read(seven).label, reader.read_number(seven).text) == (7, "7")
"""
subprocess.run([sys.executable, "-c", without], check=True)
for room, extra in (("web", "serve"), ("drawings", "serve"), ("training", "train")):
    hint = ""
    try:
        importlib.import_module(f"inkling.{room}")
    except MissingExtra as error:
        hint = error.hint
    assert f"[{extra}]" in hint, room
