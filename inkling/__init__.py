"""Inkling reads handwritten digits: data, training, measuring, serving, drawing.

>>> import inkling
>>> inkling.Reader.load().read("digit.png").label
>>> run = inkling.train("sprint")
>>> run.reader.test(inkling.load_data("mnist").test)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkling.data import from_arrays as from_arrays
    from inkling.data import load_data as load_data
    from inkling.errors import InklingError as InklingError
    from inkling.errors import NothingDrawn as NothingDrawn
    from inkling.experiments.recipe import Recipe as Recipe
    from inkling.experiments.recipes import get as recipe
    from inkling.exports import export as export
    from inkling.ink import Drawing as Drawing
    from inkling.ink import to_image as to_image
    from inkling.notebook.finetune import FineTuned as FineTuned
    from inkling.notebook.finetune import fine_tune as fine_tune
    from inkling.notebook.pad import Pad as Pad
    from inkling.notebook.training import Run as Run
    from inkling.notebook.training import open_run as open_run
    from inkling.notebook.training import train as train
    from inkling.reading.formats import Constraints as Constraints
    from inkling.reading.numbers import Number as Number
    from inkling.reading.reader import Reader as Reader
    from inkling.reading.reader import Reading as Reading

__version__ = "0.14.0"

_HOMES = {
    "Constraints": "reading.formats",
    "Drawing": "ink",
    "FineTuned": "notebook.finetune",
    "InklingError": "errors",
    "NothingDrawn": "errors",
    "Number": "reading.numbers",
    "Pad": "notebook.pad",
    "Reader": "reading.reader",
    "Reading": "reading.reader",
    "Recipe": "experiments.recipe",
    "Run": "notebook.training",
    "export": "exports",
    "fine_tune": "notebook.finetune",
    "from_arrays": "data",
    "load_data": "data",
    "open_run": "notebook.training",
    "recipe": "experiments.recipes:get",
    "to_image": "ink",
    "train": "notebook.training",
}
__all__ = [
    "Constraints",
    "Drawing",
    "FineTuned",
    "InklingError",
    "NothingDrawn",
    "Number",
    "Pad",
    "Reader",
    "Reading",
    "Recipe",
    "Run",
    "export",
    "fine_tune",
    "from_arrays",
    "load_data",
    "open_run",
    "recipe",
    "to_image",
    "train",
]


def __getattr__(name: str) -> Any:
    """A public name, imported when first used: `import inkling` loads no heavy library."""
    if name in _HOMES:
        home, _, other = _HOMES[name].partition(":")
        return getattr(import_module(f"inkling.{home}"), other or name)
    import difflib

    near = difflib.get_close_matches(name, _HOMES, 1)
    raise AttributeError(
        f"module 'inkling' has no attribute {name!r}" + (f"; perhaps {near[0]}" if near else "")
    )


def __dir__() -> list[str]:
    """The public names, for an editor's completion."""
    return [*__all__, "__version__"]
