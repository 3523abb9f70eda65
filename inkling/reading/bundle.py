"""A trained model as a folder: model.onnx and card.json, which says what it is.

    bundle/
      model.onnx  images `(N, C, H, W)` in [0, 1] -> logits, probabilities `(N, K)` and
                  ood_score `(N,)`, the out-of-distribution score; or, where the card reads lines,
                  lines `(N, 1, 32, W)` -> log_probabilities `(N, W / 4, 1 + K)`, class 0 the
                  blank; input scaling and calibration temperature are part of the graph
      card.json   the `Card`, with the SHA-256 of model.onnx
      numbers/    where it has its own: the bundle that reads lines

Reading one trusts nothing: digest, schema and graph are checked before anything runs.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from inkling.acceptance import Acceptance
from inkling.errors import BundleError
from inkling.files import write_atomically
from inkling.ink import SHAPES, Frame, Shape
from inkling.metrics import Measures, Report
from inkling.plots import html
from inkling.reading.onnx_check import refuse_foreign_parts

MODEL, CARD = "model.onnx", "card.json"
IN_A_RUN = "bundle"  # the folder, inside that of its run
# 1 had no acceptance; 2 other names in it; 3 no guarantee; 4 read images alone; 5 no other reports;
# 6 images of 28x28 alone
SCHEMA_VERSION = 7
MAX_MODEL_BYTES = 200_000_000
TAUGHT = "taught"  # a folder of the user's own: bundles with a name
PRETRAINED = Path(__file__).parent / "pretrained"
NUMBERS = PRETRAINED / "numbers"  # the bundle that reads lines

Reads = Literal["images", "lines"]
WAYS_OUT: dict[Reads, str] = {
    "images": "Name one that `inkling train numbers` made",
    "lines": "Name another, or measure it: inkling test BUNDLE --dataset unipen:numbers-dev",
}


class Attribution(BaseModel, frozen=True, extra="forbid"):
    """A data set that a model was trained with, whose licence wants its makers named."""

    dataset: str
    licence: str
    citation: str
    url: str

    @property
    def line(self) -> str:
        """All of it as an item of a list in Markdown."""
        return f"- {self.dataset} ({self.licence}): {self.citation} {self.url}".rstrip()


class Card(BaseModel, frozen=True, extra="forbid"):
    """What a bundle says of its model."""

    schema_version: int = SCHEMA_VERSION
    model_sha256: str  # of model.onnx
    created: str  # UTC, ISO 8601
    licence: str  # of the weights
    recipe: dict[str, Any]  # every value of it, as experiments.recipe.from_saved reads it
    seed: int
    dataset: str
    data_sha256: dict[str, str]  # of each file's unpacked content
    reads: Reads = "images"
    classes: tuple[str, ...] = Field(min_length=2)  # the name of each label, or each character
    frame: Frame  # how ink.to_image must make an image; of no use where it reads lines
    shape: Shape = SHAPES["digit"]  # of an image: channels, height, width; likewise
    temperature: float  # inside the graph already
    parameters: int
    multiply_adds: int  # an image
    train_seconds: float
    device: str
    threads: int
    versions: dict[str, str]  # of Python and the libraries
    validation: Measures | None  # None where every image was trained on
    test: Measures
    acceptance: Acceptance | None = None  # None where every image was trained on
    report: Report | None = None  # on the test images; None before 0.7.0
    reports: dict[str, Report] = Field(default_factory=dict)  # on other sources, as "CROHME dev"
    attribution: tuple[Attribution, ...] = ()  # of all it was trained with; none before 0.8.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.shape != SHAPES[self.frame]:
            raise ValueError(f"a {self.frame} has the shape {SHAPES[self.frame]}")
        return self

    @property
    def summary(self) -> list[tuple[str, html.Cell]]:
        """What it is, and how good: rows of a name and a value."""
        rows: list[tuple[str, html.Cell]] = [
            ("trained on", self.dataset),
            ("parameters", self.parameters),
            ("test accuracy", f"{self.test.accuracy:.2%} of {self.test.n:,}"),
        ]
        if self.acceptance:
            rows.append(("accepts from a confidence of", self.acceptance.min_confidence))
        return [*rows, ("licence", self.licence), ("SHA-256", self.model_sha256[:12])]

    def _repr_html_(self) -> str:
        return html.panel("Card of a bundle", html.table(["", ""], self.summary))


def write(folder: Path, card: Card, model: bytes) -> None:
    """Write a bundle. The card comes last: without it, there is no bundle."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / MODEL, model)
        write_atomically(folder / CARD, card.model_dump_json(indent=2).encode() + b"\n")
    except OSError as cause:
        raise BundleError(
            f"{folder}: expected room for a bundle, but {cause.strerror}", "Free some space"
        ) from cause


def find(path: Path) -> Path:
    """The bundle at `path`, which is its folder or that of the run that made it."""
    for folder in (path, path / IN_A_RUN):
        if (folder / CARD).is_file():
            return folder
    raise BundleError(
        f"{path}: expected a bundle ({MODEL} and {CARD}), found none",
        "Make one with: inkling train",
    )


def numbers_of(folder: Path) -> Path:
    """The bundle that reads numbers beside that of a folder: its own, or the one that ships."""
    own = folder / NUMBERS.name
    return own if (own / CARD).is_file() else NUMBERS


def read(folder: Path, reads: Reads = "images") -> tuple[Card, bytes]:
    """The card and the bytes of the model, both checked. Raises BundleError.

    A bundle that reads the other kind is refused.
    """
    folder = find(folder)
    try:
        if (folder / MODEL).stat().st_size > MAX_MODEL_BYTES:
            raise BundleError(
                f"{folder / MODEL}: expected at most {MAX_MODEL_BYTES:,} bytes",
                "Check where this bundle comes from",
            )
        model = (folder / MODEL).read_bytes()
        card = _parse(folder / CARD)
    except OSError as cause:
        raise BundleError(
            f"{cause.filename}: expected a readable file, but {cause.strerror}",
            "A bundle is a folder with both files: copy it whole",
        ) from cause
    digest = hashlib.sha256(model).hexdigest()
    if digest != card.model_sha256:
        raise BundleError(
            f"{folder / MODEL}: expected SHA-256 {card.model_sha256[:12]}..., got {digest[:12]}...",
            "Copy the bundle again, both files together",
        )
    refuse_foreign_parts(model, folder / MODEL)
    if card.reads != reads:
        raise BundleError(
            f"{folder}: expected a bundle that reads {reads}, got one that reads {card.reads}",
            WAYS_OUT[card.reads],
        )
    return card, model


def _parse(path: Path) -> Card:
    way_out = "Copy the bundle again, or train it again"
    try:
        content: Any = json.loads(path.read_bytes())
        version = content["schema_version"]
        if version in range(1, SCHEMA_VERSION):
            content = _upgraded(content)
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise BundleError(
            f"{path}: expected the card of a bundle, got other text", way_out
        ) from cause
    if version not in range(1, SCHEMA_VERSION + 1):
        raise BundleError(
            f"{path}: expected schema version 1 to {SCHEMA_VERSION}, got {version}",
            "Use the version of Inkling that wrote it, or train it again",
        )
    try:
        return Card.model_validate(content)
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path}: {where}: {first['msg']}", way_out) from cause


def _upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """A card of an older schema as one of today.

    Before schema 3, the threshold was on the negative of today's score. Before schema 4, what was
    promised was the accuracy observed on n images, which cannot tell 1 - 1 / 2n from 1.
    """
    if acceptance := content.get("acceptance"):
        if content["schema_version"] < 3:
            acceptance["min_confidence"] = acceptance.pop("confidence")
            acceptance["max_ood_score"] = -acceptance.pop("evidence")
        for point in acceptance["curve"] if content["schema_version"] < 4 else ():
            point["guaranteed"] = min(point["accuracy"], 1 - 0.5 / acceptance["n"])
    return content | {"schema_version": SCHEMA_VERSION}
