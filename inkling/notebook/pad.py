"""A pad to draw on, in a notebook's cell; it reads along. Drawing code is the page's own.

>>> pad = inkling.Pad()
>>> pad.reading.name
>>> pad.label(7)
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from inkling import ink, system
from inkling.drawings import Labelled, Store, default_url
from inkling.drawings.labelling import labelled
from inkling.errors import InklingError, MissingExtra
from inkling.reading.numbers import Number
from inkling.reading.reader import Reader, Reading

if TYPE_CHECKING:
    import traitlets
    from traitlets import HasTraits as AnyWidget  # which it is as well; its own has no types
else:
    try:
        import traitlets
        from anywidget import AnyWidget
    except ModuleNotFoundError as cause:
        raise MissingExtra("A pad", str(cause.name), "notebook") from cause

HERE = Path(__file__).parent
SHEET = system.PACKAGE / "web" / "static" / "inkling-js" / "sheet.js"


class Pad(AnyWidget):
    """What is drawn, and what it reads as.

    `strokes` can be observed and set from Python. `mode` is "digit" or "number".

    >>> pad = inkling.Pad()
    >>> pad.strokes = [[[110, 80], [270, 80], [180, 310]]]
    >>> pad.reading.name
    '7'
    >>> pad.label(7).label
    7
    """

    _esm = (
        re.sub("^export ", "", SHEET.read_text(), flags=re.MULTILINE)
        + (HERE / "pad.js").read_text()
    )
    _css = (HERE / "pad.css").read_text()
    strokes: Any = traitlets.List().tag(sync=True)
    pen: Any = traitlets.Float(14.0).tag(sync=True)  # in the unit of the strokes
    mode: Any = traitlets.Enum(["digit", "number"], "digit").tag(sync=True)
    said: Any = traitlets.Unicode("Draw").tag(sync=True)  # below the sheet

    def __init__(
        self, reader: Reader | None = None, mode: Literal["digit", "number"] = "digit"
    ) -> None:
        """A pad that reads with a reader: by default, the bundle that ships."""
        self._reader = reader or Reader.load()
        self._reading: Reading | Number | None = None
        super().__init__(mode=mode)
        self.observe(self._read, "strokes")

    @property
    def drawing(self) -> ink.Drawing:
        """What is drawn. Raises InkError where it is no drawing."""
        return ink.Drawing(self.strokes, self.pen)

    @property
    def reading(self) -> Reading | Number | None:
        """What it reads as; None of an empty sheet."""
        return self._reading

    def clear(self) -> None:
        """Empty the sheet."""
        self.strokes = []

    def label(self, correct: int | str) -> Labelled:
        """Keep the drawing with its label, or the text of a number, in the store of the page.

        The sheet is empty then. Raises NothingDrawn, InkError, StoreError.
        """
        store = Store(default_url())
        try:
            kept = store.add(labelled(self._reader, self.drawing, correct))
        finally:
            store.close()
        self.clear()
        self.said = f"Kept as {correct}"
        return kept

    def _read(self, _: Any) -> None:
        read: Callable[[ink.Source], Reading | Number] = (
            self._reader.read if self.mode == "digit" else self._reader.read_number
        )
        self._reading = None
        if not self.strokes:
            self.said = "Draw"
            return
        try:
            found = read(self.drawing)
        except InklingError as error:
            self.said = str(error)
            return
        self._reading = found
        text = found.name if isinstance(found, Reading) else found.text or "nothing"
        doubt = "not sure, perhaps " if found.accepted is False else ""
        self.said = f"{doubt}{text} ({found.confidence:.1%})"
