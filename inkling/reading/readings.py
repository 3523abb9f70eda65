"""Many readings, which show themselves as a table."""

import csv
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image

from inkling import plots
from inkling.errors import MissingExtra
from inkling.plots import html

if TYPE_CHECKING:
    from inkling.reading.reader import Reading

HEAD = ("source", "label", "name", "confidence", "accepted")


class Readings(list["Reading"]):
    """Readings in order, and of a folder the file of each, and the errors of others."""

    def __init__(
        self,
        readings: Iterable["Reading"] = (),
        sources: Iterable[str] = (),
        errors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(readings)
        self.sources: list[str] = [*sources] or [str(index) for index in range(len(self))]
        self.errors: dict[str, str] = dict(errors or {})

    @property
    def rows(self) -> list[tuple[str, int, str, float, bool | None]]:
        """A row for each reading, with the columns of HEAD."""
        return [
            (source, one.label, one.name, one.confidence, one.accepted)
            for source, one in zip(self.sources, self, strict=True)
        ]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows to a file, below their head."""
        with Path(path).open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(HEAD)
            table.writerows(self.rows)

    def to_pandas(self) -> Any:
        """The rows as a DataFrame. Raises MissingExtra."""
        try:
            import pandas
        except ModuleNotFoundError as cause:
            raise MissingExtra("A DataFrame", "pandas", "notebook") from cause
        return pandas.DataFrame(self.rows, columns=HEAD)

    def __repr__(self) -> str:
        return f"Readings({self._title})"

    @property
    def _title(self) -> str:
        rejected = sum(one.accepted is False for one in self)
        failed = f", {len(self.errors)} unreadable" if self.errors else ""
        return f"{len(self)} readings, {rejected} not accepted{failed}"

    def _repr_html_(self) -> str:
        """Images with what they read as; a star where one is not accepted."""
        title = self._title
        captions = self._captions
        images = [one.image for one in self[: html.MAX_SHOWN]]
        shown = html.tiles(np.stack(images), captions, of=len(self)) if images else ""
        return html.panel(
            f"{title} (*)" if any("*" in caption for caption in captions) else title,
            shown,
            html.table(["file", "error"], self.errors.items()) if self.errors else "",
        )

    def picture(self) -> Image:
        """The images, each with what it reads as; a star where one is not accepted.

        Raises ValueError where there are none.
        """
        return plots.contact_sheet(np.stack([one.image for one in self]), self._captions)

    @property
    def _captions(self) -> list[str]:
        return [one.name + "*" * (one.accepted is False) for one in self]
