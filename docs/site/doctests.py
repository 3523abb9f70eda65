"""For mkdocstrings: examples in docstrings (`>>> ...`) are shown as code."""

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!>>> )\S.*\n?)*)+", re.MULTILINE)


class Doctests(Extension):
    """Each run of examples becomes a fenced block."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of an object that was just loaded."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(
                lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", obj.docstring.value
            )
