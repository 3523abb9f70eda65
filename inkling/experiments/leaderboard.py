"""The boards: measured records, runs of one's own and the claims of others, in one table each.

A record is results/NAME.json, as `inkling record` writes it: the mean over seeds, each tested
once, at its last epoch. A run is one seed, so it stands there as such. A claim is what others
say of their own, with its source; nobody here measured it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inkling.reading import bundle
from inkling.errors import InklingError, RunError, suggest
from inkling.experiments.recipes import Recipe

PACKAGE = Path(__file__).parent.parent
RUNS = Path("runs")
CHALLENGE_EPOCHS = (5, 20, 50)
TIMED = 99.0  # per cent that a row of the board "time" has to reach
KEYS = (  # of every record
    *("recipe", "dataset", "mean", "std", "interval", "n", "seeds", "epochs", "parameters"),
    *("train_seconds", "images_per_second", "device", "threads", "machine", "versions", "commit"),
)


@dataclass(frozen=True)
class Row:
    """One line of a board."""

    kind: Literal["record", "run", "claim"]
    name: str
    dataset: str
    accuracy: float  # per cent of the test set, the mean over seeds
    std: float | None = None  # per cent, over seeds
    seeds: int | None = None
    seconds: float | None = None  # of training, the median over seeds
    epochs: float | None = None
    parameters: int | None = None
    source: str = ""  # a claim's address; none where no page with the figure was found


@dataclass(frozen=True)
class Section:
    """A part of a board: its title, and its rows, best first."""

    title: str
    rows: list[Row]


def _claim(name: str, dataset: str, accuracy: float, source: str = "", **figures: float) -> Row:
    return Row("claim", name, dataset, accuracy, source=source, **figures)  # type: ignore[arg-type]


_ELIXIR = "https://ainews.cool/article/20260501-elixir-handwritten-digit-recognition"
_CDEOTTE = "https://github.com/cdeotte/MNIST-CNN-99.75"
_TUOMASO = "https://github.com/tuomaso/train_mnist_fast"
_CHALLENGE = "https://alongtheaxon.com/blog/fashion_mnist_challenge"
_FLUX = "https://github.com/FluxML/model-zoo/blob/32a8540bc427/vision/mnist/conv.md"
_FASTAI = "https://github.com/fastai/course22p2"
CLAIMS = (
    _claim("cdeotte, 15 networks", "mnist", 99.745, _CDEOTTE),
    _claim("cdeotte, one network", "mnist", 99.641, _CDEOTTE),
    _claim("Keras", "mnist", 99.2, _ELIXIR),
    _claim("tuomaso, laptop GPU", "mnist", 99.04, _TUOMASO, seconds=0.76, epochs=1),
    _claim("Axon", "mnist", 99),
    _claim("Flux", "mnist", 99, _FLUX),
    _claim("core.matrix", "mnist", 97),
    _claim("HLearn", "mnist", 95),
    _claim("NumPy reference", "mnist", 92, _ELIXIR, epochs=10),
    _claim("pure-Elixir network", "mnist", 82, _ELIXIR, epochs=10),
    _claim("fast.ai", "fashion-mnist", 93.4, _FASTAI, epochs=5),
    _claim("fast.ai", "fashion-mnist", 94.5, _FASTAI, epochs=20),
    _claim("fast.ai", "fashion-mnist", 94.9, _FASTAI, epochs=50),
    _claim("Elixir challenge", "fashion-mnist", 90.7, _CHALLENGE, epochs=5),
    _claim("Elixir challenge", "fashion-mnist", 91.1, _CHALLENGE, epochs=20),
    _claim("Elixir challenge", "fashion-mnist", 90.9, _CHALLENGE, epochs=50),
)


def _time(rows: list[Row]) -> list[Section]:
    fast = [row for row in rows if row.dataset == "mnist" and row.seconds]
    timed = sorted(fast, key=lambda row: row.seconds or 0)
    above = [row for row in timed if row.accuracy >= TIMED + 0.5]
    within = [row for row in timed if TIMED <= row.accuracy < TIMED + 0.5]
    return [
        Section(f"MNIST, time to {TIMED:.1f} %", within),
        Section(f"MNIST, time to {TIMED + 0.5:.1f} %", above),
    ]


def _accuracy(rows: list[Row]) -> list[Section]:
    return [Section("MNIST, accuracy", _best([row for row in rows if row.dataset == "mnist"]))]


def _challenge(rows: list[Row]) -> list[Section]:
    entered = [row for row in rows if row.dataset == "fashion-mnist"]
    return [
        Section(f"Fashion-MNIST, {epochs} epochs", _best(r for r in entered if r.epochs == epochs))
        for epochs in CHALLENGE_EPOCHS
    ]


def _best(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: -row.accuracy)


BOARDS: dict[str, Callable[[list[Row]], list[Section]]] = {
    "time": _time,
    "accuracy": _accuracy,
    "challenge": _challenge,
}


def board_of(recipe: Recipe) -> str | None:
    """The board that a recipe is measured for; None if its data set has none."""
    if recipe.dataset == "mnist":
        return "time" if recipe.aim >= TIMED else "accuracy"
    entered = recipe.dataset == "fashion-mnist" and recipe.epochs in CHALLENGE_EPOCHS
    return "challenge" if entered else None


def sections(rows: list[Row], board: str | None = None) -> list[Section]:
    """The sections of one board, or of all. Raises RunError for a board there is not."""
    if board is not None and board not in BOARDS:
        raise RunError(
            f"Expected a board ({', '.join(BOARDS)}), got {board!r}",
            suggest(board, BOARDS, "See them all: inkling leaderboard"),
        )
    return [part for name, make in BOARDS.items() if board in (None, name) for part in make(rows)]


def records_folder() -> Path:
    """The records that came with this package: inside it if installed, else beside it."""
    inside = PACKAGE / "results"
    return inside if inside.is_dir() else PACKAGE.parent / "results"


def record_rows(*folders: Path) -> list[Row]:
    """The records in these folders; one of a later folder takes the place of its namesake."""
    rows: dict[str, Row] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            if record := read_record(path):
                row = _record_row(record)
                rows[row.name] = row
    return list(rows.values())


def read_record(path: Path) -> dict[str, Any] | None:
    """The record of a file, or None if the file holds something else. Raises RunError."""
    try:
        record: Any = json.loads(path.read_bytes())
    except (OSError, ValueError) as cause:
        raise _unfit(path, "cannot be read as JSON") from cause
    if not isinstance(record, dict) or "seeds" not in record:
        return None
    if missing := [key for key in KEYS if key not in record]:
        raise _unfit(path, f"has no {missing[0]}")
    try:
        _record_row(record)
        for entry in record["seeds"]:
            int(entry["seed"]), float(entry["train_seconds"]), float(entry["test"]["accuracy"])
    except (KeyError, TypeError, ValueError) as cause:
        raise _unfit(path, f"holds what is no figure: {cause}") from cause
    return record


def _record_row(record: dict[str, Any]) -> Row:
    name, device = record["recipe"]["name"], record["device"]
    return Row(
        kind="record",
        name=name if device == "cpu" else f"{name}, {device}",
        dataset=record["dataset"],
        accuracy=float(record["mean"]),
        std=None if record["std"] is None else float(record["std"]),
        seeds=int(record["n"]),
        seconds=float(record["train_seconds"]),
        epochs=float(record["epochs"]),
        parameters=int(record["parameters"]),
    )


def _unfit(path: Path, why: str) -> RunError:
    return RunError(
        f"{path}: expected a record, but it {why}",
        "Move it away, or take it again with: inkling record",
    )


def run_rows() -> list[Row]:
    """The runs under runs/ that ended in a bundle; those that cannot be read are left out."""
    rows = []
    for path in sorted(RUNS.glob(f"*/{bundle.IN_A_RUN}")):
        try:
            card, _ = bundle.read(path)
            epochs = float(card.recipe["epochs"])
        except (InklingError, KeyError, TypeError, ValueError):
            continue
        rows.append(
            Row(
                kind="run",
                name=str(path.parent),
                dataset=card.dataset,
                accuracy=100 * card.test.accuracy,
                seeds=1,
                seconds=card.train_seconds,
                epochs=epochs,
                parameters=card.parameters,
            )
        )
    return rows


def markdown(parts: list[Section]) -> str:
    """The sections as one Markdown table: what the README carries."""
    lines = [
        "| board | recipe or claim | test accuracy | seeds | training | epochs | parameters |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for part in parts:
        title = part.title
        for row in part.rows:
            claimed = f"[{row.name}]({row.source})" if row.source else row.name
            name = claimed if row.kind == "claim" else f"`{row.name}`"
            lines.append(f"| {' | '.join([title, name, *cells(row)])} |")
            title = ""
    return "\n".join(lines) + "\n"


def cells(row: Row) -> list[str]:
    """Accuracy, seeds, seconds of training, epochs and parameters, as they are shown."""
    claimed = row.kind == "claim"
    spread = "" if row.std is None else f" ± {row.std:.2f}"
    return [
        f"{row.accuracy:.5g} %" if claimed else f"{row.accuracy:.2f}{spread} %",
        "claim" if claimed else f"{row.seeds}",
        "" if row.seconds is None else f"{row.seconds:.{0 if row.seconds >= 20 else 2}f} s",
        "" if row.epochs is None else f"{row.epochs:g}",
        "" if row.parameters is None else f"{row.parameters:,}",
    ]
