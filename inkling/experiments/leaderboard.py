"""The boards: measured records, your own runs and the claims of others, in one table each.

A record is results/NAME.json, as `inkling record` writes it: the mean over seeds, each tested
once, at its last epoch. A run is one seed, so it stands there as such. A claim is what others
say of their own, with its source; nobody here measured it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from inkling.errors import InklingError, RunError, suggest
from inkling.experiments import records, runs
from inkling.experiments.records import CHALLENGE_EPOCHS, MIN_TARGET, Record
from inkling.reading import bundle
from inkling.system import PACKAGE

COLUMNS = ("training", "epochs", "parameters")
CLAIMS = Path(__file__).parent / "claims.json"


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
    machine: str = ""  # of a record
    source: str = ""  # a claim's address; none where no page with the figure was found


@dataclass(frozen=True)
class Section:
    """A part of a board: its title, and its rows, best first."""

    title: str
    rows: list[Row]


def _time(rows: list[Row]) -> list[Section]:
    fast = [row for row in rows if row.dataset == "mnist" and row.seconds]
    timed = sorted(fast, key=lambda row: row.seconds or 0)
    above = [row for row in timed if row.accuracy >= MIN_TARGET + 0.5]
    within = [row for row in timed if MIN_TARGET <= row.accuracy < MIN_TARGET + 0.5]
    return [
        Section(f"MNIST, time to {MIN_TARGET:.1f} %", within),
        Section(f"MNIST, time to {MIN_TARGET + 0.5:.1f} %", above),
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


def claims() -> list[Row]:
    """What others say of their own, with its source where a page with the figure was found."""
    return [Row(kind="claim", **claim) for claim in json.loads(CLAIMS.read_text())]


def record_rows(*folders: Path) -> list[Row]:
    """The records in these folders; one of a later folder takes the place of its namesake."""
    rows: dict[str, Row] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            if record := records.read(path):
                row = _record_row(record)
                rows[row.name] = row
    return list(rows.values())


def _record_row(record: Record) -> Row:
    name = record.recipe.name
    return Row(
        kind="record",
        name=name if record.device == "cpu" else f"{name}, {record.device}",
        dataset=record.dataset,
        accuracy=record.mean,
        std=record.std,
        seeds=record.n,
        seconds=record.train_seconds,
        epochs=record.epochs,
        parameters=record.parameters,
        machine=_machine(record),
    )


def _machine(record: Record) -> str:
    """The machine in a few words; and how many seeds ran on another."""
    here = record.machine
    instructions = str(here.get("instructions", ""))
    known = {"avx512_bf16": "AVX-512, bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}
    best = next((title for name, title in known.items() if name in instructions), "")
    cores = f"{record.threads} thread" + "s" * (record.threads > 1)
    text = ", ".join(part for part in (str(here["processor"]), best, cores) if part)
    elsewhere = sum(seed.ran_elsewhere for seed in record.seeds)
    return text + (f"; {elsewhere} of {record.n} seeds elsewhere" if elsewhere else "")


def run_rows() -> list[Row]:
    """The runs under runs/ that ended in a bundle; those that cannot be read are left out."""
    rows = []
    for path in sorted(runs.RUNS.glob(f"*/{runs.BUNDLE}")):
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
    """The sections as one Markdown table: that of docs/results.md."""
    names = "board", "recipe or claim", "test accuracy", "seeds", *COLUMNS, "machine"
    lines = [f"| {' | '.join(names)} |", "| --- " * len(names) + "|"]
    for part in parts:
        title = part.title
        for row in part.rows:
            claimed = f"[{row.name}]({row.source})" if row.source else row.name
            name = claimed if row.kind == "claim" else f"`{row.name}`"
            lines.append(f"| {' | '.join([title, name, *cells(row), row.machine])} |")
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
