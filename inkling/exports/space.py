"""A space of the Hugging Face Hub: the page of `site`, which the Hub serves as it is."""

from pathlib import Path

from inkling.exports import site
from inkling.files import write_atomically
from inkling.reading.reader import Reader

README = """---
title: Write, and it is read
emoji: ✏️
colorFrom: gray
colorTo: blue
sdk: static
license: {licence}
short_description: Reads handwritten digits and numbers in the page
---

What is written stays in the page: it reads by itself, and after one visit without a connection.
Made by `inkling export --to space`.
"""


def write(reader: Reader, path: Path) -> Path:
    """Write the folder: that of `site.write`, and the README that makes it a space."""
    site.write(reader, path)
    licence = reader.card.licence.lower().replace(" ", "-")
    write_atomically(path / "README.md", README.format(licence=licence).encode())
    return path
