"""Inkling reads handwritten digits: data, training, measuring, serving, drawing.

>>> from inkling import Reader
>>> Reader.load().read("digit.png").label
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkling.errors import InklingError as InklingError
    from inkling.errors import NothingDrawn as NothingDrawn
    from inkling.experiments.recipe import Recipe as Recipe
    from inkling.ink import Drawing as Drawing
    from inkling.ink import to_image as to_image
    from inkling.reading.formats import Constraints as Constraints
    from inkling.reading.numbers import Number as Number
    from inkling.reading.reader import Reader as Reader
    from inkling.reading.reader import Reading as Reading

__version__ = "0.12.0"

_HOMES = {
    "Constraints": "reading.formats",
    "Drawing": "ink",
    "InklingError": "errors",
    "NothingDrawn": "errors",
    "Number": "reading.numbers",
    "Reader": "reading.reader",
    "Reading": "reading.reader",
    "Recipe": "experiments.recipe",
    "to_image": "ink",
}
__all__ = [
    "Constraints",
    "Drawing",
    "InklingError",
    "NothingDrawn",
    "Number",
    "Reader",
    "Reading",
    "Recipe",
    "to_image",
]


def __getattr__(name: str) -> Any:
    """A public name, imported when first used: `import inkling` loads no heavy library."""
    if name in _HOMES:
        return getattr(import_module(f"inkling.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'inkling' has no attribute {name!r}")
