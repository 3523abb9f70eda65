"""The parts of a data set, held whole in memory, which show themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from inkling import plots
from inkling.plots import html

SHADES = " .:*#"  # of an image in text, from no ink to full ink
SHOWN = 40  # images of a data set's contact sheet


@dataclass(frozen=True, eq=False)
class Example:
    """One image and its label."""

    pixels: NDArray[np.uint8]  # (1, 28, 28), ink = 255 on 0; of colours (3, 32, 32)
    label: int
    name: str  # of the label

    @property
    def image(self) -> NDArray[np.float32]:
        """The image `(C, H, W)` in [0, 1]."""
        return self.pixels.astype(np.float32) / np.float32(255)

    def __repr__(self) -> str:
        grey = self.pixels.mean(0).astype(np.uint8)
        rows = ("".join(SHADES[value // 52] for value in row) for row in grey)
        return f"Example({self.name!r})\n" + "\n".join(row.rstrip() for row in rows)

    def _repr_html_(self) -> str:
        return html.panel(self.name, html.tiles(self.image[None], [""], width=112))

    def picture(self) -> Image:
        """The image with its label below it."""
        return plots.contact_sheet(self.image[None], [self.name])


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set, read-only. A number gives an Example; a slice or a mask, a Split."""

    pixels: NDArray[np.uint8]  # (N, 1, 28, 28), ink = 255 on 0; of colours (N, 3, 32, 32)
    labels: NDArray[np.uint8]  # (N,), each below the number of classes
    writers: NDArray[np.str_] | None = None  # (N,) who wrote each, where that is known
    classes: tuple[str, ...] = ()  # the name of each label; without them, it is the number

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, which: int) -> Example: ...
    @overload
    def __getitem__(self, which: Any) -> "Split": ...
    def __getitem__(self, which: Any) -> "Example | Split":
        if isinstance(which, int | np.integer):
            label = int(self.labels[which])
            return Example(self.pixels[which], label, self.name(label))
        writers = None if self.writers is None else self.writers[which]
        return Split(self.pixels[which], self.labels[which], writers, self.classes)

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def name(self, label: int) -> str:
        """The name of a label."""
        return self.classes[label] if self.classes else str(label)

    @property
    def names(self) -> list[str]:
        """The name of each image's label `(N,)`."""
        return [self.name(int(label)) for label in self.labels]

    def images(self) -> NDArray[np.float32]:
        """The images `(N, C, H, W)` in [0, 1]."""
        return self.pixels.astype(np.float32) / np.float32(255)

    @property
    def counts(self) -> dict[str, int]:
        """How many images there are of each label, by its name."""
        found = np.bincount(self.labels, minlength=len(self.classes))
        return {self.name(label): int(count) for label, count in enumerate(found)}

    def picture(self) -> Image:
        """The first images, each with its label."""
        few = self[: html.MAX_SHOWN]
        return plots.contact_sheet(few.images(), few.names)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images, {len(self.counts)} classes)"

    def _repr_html_(self) -> str:
        few = self[: html.MAX_SHOWN]
        return html.panel(
            f"{len(self):,} images of {len(self.counts)} classes",
            html.table(["label", "images"], [row for row in self.counts.items() if row[1]]),
            html.tiles(few.images(), few.names, of=len(self)),
        )


@dataclass(frozen=True)
class Splits:
    """The three parts: to train on, to choose on, and to test on once a record."""

    train: Split
    validation: Split | None  # None where all images are trained on
    test: Split
    name: str = ""  # of the data set

    def _parts(self) -> dict[str, Split]:
        every = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in every.items() if part is not None}

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {len(part):,}" for name, part in self._parts().items())
        return f"Splits({self.name!r}: {parts})"

    def _repr_html_(self) -> str:
        parts = self._parts()
        counts = {name: part.counts for name, part in parts.items()}
        return html.panel(
            f"{self.name}: {', '.join(f'{len(part):,} to {name}' for name, part in parts.items())}",
            html.table(
                ["label", *counts],
                [[label, *(of[label] for of in counts.values())] for label in counts["train"]],
            ),
            html.tiles(self._shown.images(), self._shown.names),
        )

    def picture(self) -> Image:
        """Some of the images to train on, each with its label."""
        return self._shown.picture()

    @property
    def _shown(self) -> Split:
        return self.train[:: max(1, len(self.train) // SHOWN)][:SHOWN]
