"""The store of labelled drawings: what was drawn, how it was read, and what it really is.

SQLite in the user's data folder, or any database that SQLAlchemy has a URL for. A drawing that
`add` has returned is on disk: it survives a killed process and a power cut. The schema changes by
the ordered steps of migrations/ (Alembic), which opening a store carries out. Only drawings that a
person has labelled are stored; `session` is a random name that a browser gives itself.

A label is a class, as 7, or the text of a number, as "12.50". In the table, `text` and
`reading_text` take the place of `label` and `reading` for a number.
"""

import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from inkling import system
from inkling.errors import NoSuchDrawing, StoreError
from inkling.ink import Drawing
from inkling.reading.formats import CHARACTERS, MAX_TEXT

ENVIRONMENT = "INKLING_DRAWINGS"  # a URL
MIGRATIONS = Path(__file__).parent / "migrations"
SECONDS_TO_WAIT = 5  # for another that writes
JOURNAL_MODES = ("wal", "delete", "truncate", "persist")  # all but the first also on a network
MAX_PAGE = 200  # drawings
HELD_OUT, FIRST_HELD_OUT = 5, 2  # of each class, and of all numbers, every fifth from the third on
NUMBER = re.compile(f"[{re.escape(CHARACTERS)}]{{1,{MAX_TEXT}}}")  # the text of one
Order = Literal["hardest", "newest", "oldest"]


@dataclass(frozen=True)
class Labelled:
    """A drawing, or picture, that a person has labelled."""

    label: int | str  # what it really is: a class, or the text of a number
    reading: int | str  # what it was read as, likewise, by the bundle of model_sha256
    confidence: float
    ood_score: float | None  # out-of-distribution score, nats; None of a number
    accepted: bool | None
    model_sha256: str
    strokes: list[list[list[float]]] | None = None  # of points x, y or x, y, pressure
    pen: float | None = None
    picture: bytes | None = None  # the bytes of its file, where there are no strokes
    session: str = ""  # of its writer's browser
    dataset: str = "mnist"  # of the bundle whose label this is
    name: str = ""  # of the label, as "7"; where it is empty, the label as text
    held_out: bool | None = None  # from fine-tuning, to compare by; where None, the store sets it
    idempotency_key: str | None = None  # of the request: sent again, it is the same drawing
    created: str = ""  # UTC, ISO 8601; set by the store
    id: int = 0  # set by the store

    @property
    def source(self) -> Drawing | bytes:
        """What a Reader reads."""
        if self.strokes is None:
            return self.picture or b""
        return Drawing(self.strokes, self.pen or 1)

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the bytes of a picture."""
        return {key: value for key, value in asdict(self).items() if key != "picture"}


DRAWINGS = sa.Table(
    "drawings",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("created", sa.String(32), nullable=False),
    sa.Column("session", sa.String(64), nullable=False),
    sa.Column("label", sa.Integer),
    sa.Column("reading", sa.Integer),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("ood_score", sa.Float),
    sa.Column("accepted", sa.Boolean),
    sa.Column("model_sha256", sa.String(64), nullable=False),
    sa.Column("strokes", sa.Text),
    sa.Column("pen", sa.Float),
    sa.Column("picture", sa.LargeBinary),
    sa.Column("idempotency_key", sa.String(64), unique=True),
    sa.Column("dataset", sa.String(64)),
    sa.Column("name", sa.String(64)),
    sa.Column("held_out", sa.Boolean),
    sa.Column("text", sa.String(MAX_TEXT)),
    sa.Column("reading_text", sa.Text),
)
WRONG = sa.or_(DRAWINGS.c.label != DRAWINGS.c.reading, DRAWINGS.c.text != DRAWINGS.c.reading_text)


@dataclass(frozen=True)
class Filter:
    """Which drawings are meant: those that fit every value given here."""

    label: int | str | None = None
    wrong: bool = False  # read as something else than it is
    unsure: bool = False  # whose reading was not accepted
    since: str | None = None  # UTC, ISO 8601
    session: str | None = None
    numbers: bool | None = None  # True: numbers alone; False: none of them

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """As conditions of a query."""
        columns = DRAWINGS.c
        return [
            *([_has(self.label)] if self.label is not None else []),
            *([WRONG] if self.wrong else []),
            *([columns.accepted.is_(False)] if self.unsure else []),
            *([columns.created >= self.since] if self.since else []),
            *([columns.session == self.session] if self.session is not None else []),
            *([columns.text.is_not(None) == self.numbers] if self.numbers is not None else []),
        ]


EVERYTHING = Filter()
ORDERS: dict[Order, Sequence[sa.ColumnElement[Any]]] = {
    "hardest": (DRAWINGS.c.confidence, DRAWINGS.c.id.desc()),
    "newest": (DRAWINGS.c.id.desc(),),
    "oldest": (DRAWINGS.c.id,),
}


def default_url() -> str:
    """The URL that INKLING_DRAWINGS names, or of a file in the user's own folder."""
    file = str(system.home() / "drawings.sqlite")
    return os.environ.get(ENVIRONMENT) or URL.create("sqlite", database=file).render_as_string()


class Store:
    """Labelled drawings in a database. Safe to share between threads; one of them writes.

    SQLite keeps a write-ahead log, which needs a local disk; on a network file system, add
    `?journal_mode=delete` to the URL.
    """

    def __init__(self, url: str) -> None:
        """Open the database of a URL; it is created, or brought up to date, where needed.

        Raises StoreError.
        """
        try:
            parsed = make_url(url)
            mode = str(parsed.query.get("journal_mode", "wal"))  # of SQLite; ours, not its driver's
            parsed = parsed.difference_update_query(["journal_mode"])
            if parsed.get_backend_name() == "sqlite" and mode not in JOURNAL_MODES:
                raise ArgumentError(f"journal_mode is one of {', '.join(JOURNAL_MODES)}")
            if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
                raise ArgumentError("in memory, drawings would be lost")
            self._engine = sa.create_engine(parsed)
        except (ArgumentError, NoSuchModuleError, ImportError) as cause:
            raise StoreError(
                f"Expected the URL of a database, got {url!r} ({cause})",
                "For example: sqlite:////home/me/drawings.sqlite",
            ) from cause
        self._writing = threading.Lock()
        if parsed.get_backend_name() == "sqlite":
            sa.event.listen(self._engine, "connect", partial(_set_up_sqlite, mode))
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        with self._reporting(f"{parsed.render_as_string()}: expected a database to open"):
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            with self._engine.connect() as connection:
                if parsed.get_backend_name() == "sqlite":  # others wait here, and find it done
                    connection.execution_options(begin="IMMEDIATE")
                with connection.begin():
                    config.attributes["connection"] = connection
                    command.upgrade(config, "head")

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    def add(self, drawing: Labelled) -> Labelled:
        """Store a drawing; the result has its number. Raises StoreError."""
        return self.add_all([drawing])[0]

    def add_all(self, drawings: Iterable[Labelled]) -> list[Labelled]:
        """Store drawings, all or none. Raises StoreError.

        One whose idempotency key is known is stored once, with the label and reading that it now
        comes with.
        """
        now = datetime.now(UTC).isoformat()
        stored = []
        with self._write() as connection:
            for drawing in drawings:
                if drawing.idempotency_key is not None:
                    same = DRAWINGS.c.idempotency_key == drawing.idempotency_key
                    values = _row(drawing)
                    del values["created"], values["held_out"]
                    connection.execute(DRAWINGS.update().where(same).values(**values))
                    if row := connection.execute(DRAWINGS.select().where(same)).first():
                        stored.append(_labelled(row))
                        continue
                held_out = drawing.held_out
                if held_out is None:
                    held_out = _is_held_out(connection, drawing.label)
                new = replace(
                    drawing,
                    created=drawing.created or now,
                    name=drawing.name or str(drawing.label),
                    held_out=held_out,
                )
                insert = DRAWINGS.insert().values(**_row(new)).returning(DRAWINGS.c.id)
                stored.append(replace(new, id=connection.execute(insert).scalar_one()))
        return stored

    def get(self, number: int) -> Labelled:
        """The drawing of that number. Raises NoSuchDrawing."""
        with self._reading() as connection:
            row = connection.execute(DRAWINGS.select().where(DRAWINGS.c.id == number)).first()
        if row is None:
            raise _none(number)
        return _labelled(row)

    def find(
        self, which: Filter = EVERYTHING, order: Order = "hardest", count: int = 50, skip: int = 0
    ) -> list[Labelled]:
        """Some of the drawings, by default the hardest to read first."""
        query = DRAWINGS.select().where(*which.clauses()).order_by(*ORDERS[order])
        with self._reading() as connection:
            return [_labelled(row) for row in connection.execute(query.limit(count).offset(skip))]

    def each(self, which: Filter = EVERYTHING) -> Iterator[Labelled]:
        """Every drawing, the oldest first, a page at a time."""
        last = 0
        while True:
            query = DRAWINGS.select().where(*which.clauses(), DRAWINGS.c.id > last)
            with self._reading() as connection:
                rows = connection.execute(query.order_by(DRAWINGS.c.id).limit(MAX_PAGE)).all()
            yield from map(_labelled, rows)
            if not rows:
                return
            last = rows[-1].id

    def relabel(self, number: int, label: int | str, name: str = "") -> Labelled:
        """Change the label of a drawing, and the label's name. Raises NoSuchDrawing.

        Of a number, it stays the text of one; of others, a class.
        """
        kind = DRAWINGS.c.text if isinstance(label, str) else DRAWINGS.c.label
        same = sa.and_(DRAWINGS.c.id == number, kind.is_not(None))
        with self._write() as connection:
            changed = connection.execute(
                DRAWINGS.update().where(same).values(**_label(label, name))
            )
        if not changed.rowcount:
            raise _none(number)
        return self.get(number)

    def delete(self, number: int) -> None:
        """Delete a drawing. Raises NoSuchDrawing."""
        with self._write() as connection:
            gone = connection.execute(DRAWINGS.delete().where(DRAWINGS.c.id == number))
        if not gone.rowcount:
            raise _none(number)

    def stats(self) -> dict[str, Any]:
        """How many there are, read correctly, accepted; by label and by day.

        All numbers stand together, beside the labels of the others.
        """
        columns = DRAWINGS.c
        right = sa.func.sum(sa.case((WRONG, 0), else_=1))
        day = sa.func.substr(columns.created, 1, 10)
        n = sa.func.count()
        with self._reading() as connection:
            labels = connection.execute(
                sa.select(columns.label, n, right).group_by(columns.label).order_by(columns.label)
            ).all()
            days = connection.execute(sa.select(day, n, right).group_by(day).order_by(day)).all()
            accepted = connection.execute(
                sa.select(n).where(columns.accepted.is_(True))
            ).scalar_one()
        by_label = {label: {"n": n, "right": right} for label, n, right in labels}
        return {
            "n": sum(row[1] for row in labels),
            "right": sum(row[2] for row in labels),
            "accepted": accepted,
            "numbers": by_label.pop(None, {"n": 0, "right": 0}),
            "labels": {str(label): of for label, of in by_label.items()},
            "days": [{"day": day, "n": n, "right": right} for day, n, right in days],
        }

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        reporting = self._reporting("Expected to store the drawing")
        with self._writing, reporting, self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._reporting("Expected to read the drawings"), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _reporting(self, expected: str) -> Iterator[None]:
        """What the database raises becomes one line."""
        try:
            yield
        except CommandError as cause:
            raise StoreError(
                f"{expected}, but a newer version of Inkling has written it ({cause})",
                "Use that version, or name another with --drawings or INKLING_DRAWINGS",
            ) from cause
        except (SQLAlchemyError, OSError) as cause:
            reason = cause.orig if isinstance(cause, DBAPIError) else cause
            what = str(reason).splitlines()[0] if str(reason) else type(cause).__name__
            raise StoreError(
                f"{expected}, but {what}", "Free some space or close what holds it, and try again"
            ) from cause


def _set_up_sqlite(journal_mode: str, connection: Any, _: object) -> None:
    """Readers beside one writer, each commit on disk, and patience with another process."""
    connection.isolation_level = None  # transactions begin where _begin_sqlite says
    connection.execute(f"PRAGMA busy_timeout={1000 * SECONDS_TO_WAIT}")  # first: the next may wait
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={journal_mode}")
            break
        except sqlite3.OperationalError:  # another sets it: here SQLite itself does not wait
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', '')}")


def _has(label: int | str) -> sa.ColumnElement[bool]:
    return (DRAWINGS.c.text if isinstance(label, str) else DRAWINGS.c.label) == label


def _label(label: int | str, name: str) -> dict[str, Any]:
    """The columns of a label: of a number, its text; of others, their class."""
    number = isinstance(label, str)
    columns = {"label": None if number else label, "text": label if number else None}
    return columns | {"name": name or str(label)}


def _row(drawing: Labelled) -> dict[str, Any]:
    """The columns of a drawing, without its id."""
    values = asdict(drawing) | _label(drawing.label, drawing.name)
    if isinstance(drawing.reading, str):
        values |= {"reading": None, "reading_text": drawing.reading}
    del values["id"]
    return values | {"strokes": drawing.strokes and json.dumps(drawing.strokes)}


def _is_held_out(connection: sa.Connection, label: int | str) -> bool:
    """Whether the next drawing of a class, or the next number, is held out."""
    kind = DRAWINGS.c.text.is_not(None) if isinstance(label, str) else _has(label)
    same = sa.select(sa.func.count()).where(kind)
    rank: int = connection.execute(same).scalar_one()
    return rank % HELD_OUT == FIRST_HELD_OUT


def _labelled(row: sa.Row[Any]) -> Labelled:
    values = dict(row._mapping)
    text, reading = values.pop("text"), values.pop("reading_text")
    if text is not None:
        values |= {"label": text, "reading": reading}
    return Labelled(**values | {"strokes": values["strokes"] and json.loads(values["strokes"])})


def _none(number: int) -> NoSuchDrawing:
    return NoSuchDrawing(
        f"Expected a stored drawing, but there is no number {number}", "Reload the list"
    )
