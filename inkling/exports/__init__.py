"""A bundle in other forms: for other programs, pages and machines."""

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from inkling.errors import InklingError, suggest

if TYPE_CHECKING:
    from inkling.reading.reader import Reader

KINDS = {  # each a module here, with a function `write`
    "onnx": "one file that ONNX Runtime runs, in any language",
    "onnx-int8": "a bundle whose networks have 8 bits: a quarter of the size, and faster",
    "site": "a folder that any web host serves: a page that reads by itself",
    "js": "inkling-js, an npm package that reads in a page without a server",
    "js-int8": "the same with weights of 8 bits: half of the bytes",
    "c": "C without libraries or allocation, in a folder",
    "c-int8": "the same with weights of 8 bits, for microcontrollers",
    "triton": "a model repository of NVIDIA Triton Inference Server",
    "hub": "a model repository of the Hugging Face Hub",
    "space": "a static space of the Hub: the page of site",
}


@dataclass(frozen=True)
class Compared:
    """How two readers read one source."""

    source: str  # as "mnist:test"
    n: int
    before: float  # accuracy in [0, 1]; of numbers, the share of exact matches
    after: float


def export(reader: "Reader", to: str, path: str | os.PathLike[str]) -> Path:
    """Write a reader's network for other programs; gives the path of what was written.

    `to` is a kind of KINDS. Raises InklingError for another one, or where the network cannot be
    written so, and MissingExtra.

    >>> inkling.export(inkling.Reader.load(), "onnx", "digits.onnx").stat().st_size
    844704
    """
    if to not in KINDS:
        raise InklingError(
            f"Expected a kind of export ({', '.join(KINDS)}), got {to!r}",
            suggest(to, KINDS, "See: inkling export --help"),
        )
    module = import_module(f"inkling.exports.{to.replace('-', '_')}")
    return Path(module.write(reader, Path(path)))
