"""The store of labelled drawings: what was drawn, how it was read, and what it really is.

SQLite in the user's data folder, or the database of a URL, of SQLite or PostgreSQL. A drawing that
`add` has returned is on disk: it survives a killed process and a power cut. The schema changes by
the ordered steps of migrations/ (Alembic), which opening a store carries out. Only drawings that a
person has labelled are stored; `session` is a random name that a browser gives itself.

A label is a class, as 7, or the text of a number, as "12.50". In the table, `text` and
`reading_text` take the place of `label` and `reading` for a number.

A store may hold a million drawings. An index of each order has all that filters look at, so that a
page is found without the drawings before it; and what is counted is a table that each writing
transaction keeps in step.
"""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import URL

from inkling import system
from inkling.drawings.database import Database
from inkling.errors import InkError, NoSuchDrawing, StoreError, StoreFull
from inkling.ink import Drawing
from inkling.reading.formats import CHARACTERS, MAX_TEXT

ENVIRONMENT = "INKLING_DRAWINGS"  # a URL
MAX_PAGE = 200  # drawings
HELD_OUT, FIRST_HELD_OUT = 5, 2  # of each class, and of all numbers, every fifth from the third on
MIXER = 1583458089, 2**31 - 1  # a factor and a prime that scatter numbers: L'Ecuyer 1999
NUMBER = re.compile(f"[{re.escape(CHARACTERS)}]{{1,{MAX_TEXT}}}")  # the text of one
MAX_DELETED = 5_000  # at once; others may write after it
Order = Literal["hardest", "newest", "oldest"]
Place = tuple[float, int]  # in any order, after a drawing of this confidence and number


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

    @property
    def place(self) -> Place:
        """Where the drawings after it begin, in any order."""
        return self.confidence, self.id

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the bytes of a picture."""
        return {key: value for key, value in vars(self).items() if key != "picture"}


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
    sa.Column("wrong", sa.Boolean),  # whether the reading is another than the label
)
TOTALS = sa.Table(  # of one row, kept in step by each writing transaction
    "totals",
    sa.MetaData(),
    sa.Column("drawings", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)
COUNTS = sa.Table(  # of drawings that have all four in common, likewise kept in step
    "counts",
    sa.MetaData(),
    sa.Column("label", sa.Integer, primary_key=True),  # OF_NUMBERS: all numbers
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("wrong", sa.Boolean, primary_key=True),
    sa.Column("accepted", sa.Boolean, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
)
OF_NUMBERS = -1
GROUP = (  # of a drawing
    sa.func.coalesce(DRAWINGS.c.label, OF_NUMBERS),
    sa.func.substr(DRAWINGS.c.created, 1, 10),
    sa.func.coalesce(DRAWINGS.c.wrong, sa.false()),
    sa.func.coalesce(DRAWINGS.c.accepted, sa.false()),
)
SIZE = sum(  # bytes: strokes are JSON, a byte a character
    (sa.func.coalesce(sa.func.length(c), 0) for c in (DRAWINGS.c.strokes, DRAWINGS.c.picture)),
    start=sa.literal(0),
)
TOTAL = sa.select(TOTALS.c.drawings)
COUNT = sa.select(sa.func.count()).select_from(DRAWINGS)


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
            *([columns.wrong.is_(True)] if self.wrong else []),
            *([columns.accepted.is_(False)] if self.unsure else []),
            *([columns.created >= self.since] if self.since else []),
            *([_equals(columns.session, self.session)] if self.session is not None else []),
            *([columns.label.is_(None) == self.numbers] if self.numbers is not None else []),
        ]


EVERYTHING = Filter()
ORDERS: dict[Order, Sequence[sa.ColumnElement[Any]]] = {
    "hardest": (DRAWINGS.c.confidence, DRAWINGS.c.id.desc()),
    "newest": (DRAWINGS.c.id.desc(),),
    "oldest": (DRAWINGS.c.id,),
}
START: Place = (-1.0, 0)  # of the oldest, before all


def default_url() -> str:
    """The URL that INKLING_DRAWINGS names, or of a file in the user's own folder."""
    file = str(system.home() / "drawings.sqlite")
    return os.environ.get(ENVIRONMENT) or URL.create("sqlite", database=file).render_as_string()


class Store:
    """Labelled drawings in a database. Safe to share between threads; one of them writes.

    SQLite keeps a write-ahead log, which needs a local disk; on a network file system, add
    `?journal_mode=delete` to the URL.
    """

    def __init__(
        self, url: str, *, max_drawings: int | None = None, max_bytes: int | None = None
    ) -> None:
        """Open the database of a URL; it is created, or brought up to date, where needed.

        Adding ends where it holds `max_drawings`, or `max_bytes` of strokes and pictures, whoever
        added them. Raises StoreError, or MissingExtra without PostgreSQL's driver.
        """
        self._database = Database(url)
        self._limits = {"drawings": max_drawings, "bytes": max_bytes}

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def add(self, drawing: Labelled) -> Labelled:
        """Store a drawing; the result has its number. Raises StoreError, StoreFull or InkError."""
        return self.add_all([drawing])[0]

    def add_all(self, drawings: Iterable[Labelled]) -> list[Labelled]:
        """Store drawings, all or none. Raises StoreError, StoreFull or InkError.

        One whose idempotency key is known is stored once, with the label and reading that it now
        comes with.
        """
        with self._database.writing() as connection:
            sums = Sums()
            stored = [_add(connection, sums, drawing) for drawing in drawings]
            self._count(connection, sums)
        return stored

    def add_new(self, drawings: Iterable[Labelled]) -> int:
        """Store those that are not here yet, all or none; how many.

        One is here if a drawing of the same date and writer has the same strokes or picture.
        Raises StoreError, StoreFull or InkError.
        """
        sums, rest = Sums(), iter(drawings)
        with self._database.writing() as connection:
            while page := list(islice(rest, MAX_PAGE)):
                dates = {drawing.created for drawing in page}
                same = DRAWINGS.select().where(DRAWINGS.c.created.in_(dates))
                known: dict[str, list[Any]] = defaultdict(list)
                for there in map(_labelled, connection.execute(same)):
                    known[there.created].append(_content(there))
                for drawing in page:
                    if _content(drawing) not in known[drawing.created]:
                        _add(connection, sums, drawing)
            return self._count(connection, sums)

    def restore(self, drawings: Iterable[Labelled], replacing: bool = False) -> int:
        """Store drawings as they are, with their numbers, dates and parts, all or none; how many.

        Into an empty store, unless `replacing` says that its drawings are to be deleted. The
        limits do not count here. Raises StoreError or InkError.
        """
        rows = (_row(drawing) | {"id": drawing.id} for drawing in drawings)
        with self._database.writing("Expected to restore the drawings") as connection:
            there = connection.execute(COUNT).scalar_one()
            if there and not replacing:
                raise StoreError(
                    f"Expected a store without drawings, got one that holds {there:,}",
                    "Name another with --drawings, or delete these with --replace",
                )
            for table in (DRAWINGS, COUNTS):
                connection.execute(table.delete())
            connection.execute(TOTALS.update().values(drawings=0, bytes=0))
            while page := list(islice(rows, MAX_PAGE)):
                connection.execute(DRAWINGS.insert(), page)
            restored = self._count(connection, Sums.of(connection, sa.true()), limited=False)
            self._database.number_on(connection)
        return restored

    def get(self, number: int) -> Labelled:
        """The drawing of that number. Raises NoSuchDrawing."""
        with self._database.reading() as connection:
            row = connection.execute(
                DRAWINGS.select().where(_equals(DRAWINGS.c.id, number))
            ).first()
        if row is None:
            raise _none(number)
        return _labelled(row)

    def find(
        self,
        which: Filter = EVERYTHING,
        order: Order = "hardest",
        count: int = 50,
        skip: int = 0,
        after: Place | None = None,
    ) -> list[Labelled]:
        """Some of the drawings, by default the hardest to read first.

        Those `after` a place cost the same wherever it lies. To `skip` some instead costs more, the
        more there are, and what others add or delete meanwhile moves the rest.
        """
        with self._database.reading() as connection:
            return _found(connection, which, order, count, skip, after)

    def count(self, which: Filter = EVERYTHING) -> int:
        """How many there are."""
        query = COUNT.where(*which.clauses()) if which != EVERYTHING else TOTAL
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def each(self, which: Filter = EVERYTHING) -> Iterator[Labelled]:
        """Every drawing, the oldest first, a page at a time."""

        def page(after: Place) -> list[Labelled]:
            with self._database.reading() as connection:
                return _found(connection, which, "oldest", MAX_PAGE, 0, after)

        return _each(page)

    def sample(
        self, which: Filter, limits: Mapping[bool, int], seed: int = 0
    ) -> Iterator[Labelled]:
        """Drawings, the oldest first: at most so many of those that are held out, and of others.

        Of more, each writer's drawings of a class come in turn, in an order that `seed` decides:
        who drew few is not lost among those who drew many. The drawings themselves are read a page
        at a time.
        """
        columns = DRAWINGS.c
        mixed = (sa.cast(columns.id, sa.BigInteger) + seed % MIXER[1]) * MIXER[0] % MIXER[1]
        same = sa.over(
            sa.func.row_number(),
            partition_by=(columns.session, columns.dataset, columns.label),
            order_by=mixed,
        )
        chosen: list[int] = []
        with self._database.reading() as connection:
            for held_out, limit in limits.items():
                part = columns.held_out.is_(True) if held_out else columns.held_out.is_not(True)
                every = sa.select(columns.id, same.label("turn"), mixed.label("mixed"))
                turns = every.where(*which.clauses(), part).subquery()
                query = sa.select(turns.c.id).order_by(turns.c.turn, turns.c.mixed).limit(limit)
                chosen += connection.execute(query).scalars()
        numbers = iter(sorted(chosen))
        while page := list(islice(numbers, MAX_PAGE)):
            rows = DRAWINGS.select().where(columns.id.in_(page)).order_by(columns.id)
            with self._database.reading() as connection:
                found = [_labelled(row) for row in connection.execute(rows)]
            yield from found

    @contextmanager
    def snapshot(self) -> Iterator[tuple[int, Iterator[Labelled]]]:
        """How many drawings there are, and each, the oldest first: all as of one moment.

        Others may write meanwhile. Raises StoreError.
        """
        with self._database.reading() as connection:
            count = connection.execute(TOTAL).scalar_one()
            yield (
                count,
                _each(lambda after: _found(connection, EVERYTHING, "oldest", MAX_PAGE, 0, after)),
            )

    def relabel(self, number: int, label: int | str, name: str = "") -> Labelled:
        """Change the label of a drawing, and the label's name. Raises NoSuchDrawing.

        Of a number, it stays the text of one; of others, a class.
        """
        kind = DRAWINGS.c.text if isinstance(label, str) else DRAWINGS.c.label
        same = sa.and_(_equals(DRAWINGS.c.id, number), kind.is_not(None))
        with self._database.writing() as connection:
            row = connection.execute(DRAWINGS.select().where(same)).first()
            if row is None:
                raise _none(number)
            new = replace(_labelled(row), label=label, name=name or str(label))
            sums = Sums()
            _change(connection, sums, _labelled(row), new)
            self._count(connection, sums)
        return new

    def delete(self, number: int) -> None:
        """Delete a drawing. Raises NoSuchDrawing."""
        if not self._delete(_equals(DRAWINGS.c.id, number)):
            raise _none(number)

    def put_back(self, drawing: Labelled) -> None:
        """Store a drawing that was deleted, as it was.

        It has its number again, unless another has it by now. One that is there already stays as
        it is. Raises StoreError, StoreFull or InkError.
        """
        same = DRAWINGS.select().where(_equals(DRAWINGS.c.id, drawing.id))
        with self._database.writing("Expected to put a drawing back") as connection:
            there = connection.execute(same).first()
            if there and there.created == drawing.created:
                return
            number = {} if there else {"id": drawing.id}
            connection.execute(DRAWINGS.insert().values(**_row(drawing), **number))
            sums = Sums()
            sums.add(drawing)
            self._count(connection, sums)
            self._database.number_on(connection)

    def prune(self, days: int) -> int:
        """Delete the drawings that are older than that; how many. Raises StoreError.

        They go in parts, so that others may write meanwhile.
        """
        oldest = datetime.now(UTC) - timedelta(days=days)
        old = sa.select(DRAWINGS.c.id).where(DRAWINGS.c.created < oldest.isoformat())
        some = DRAWINGS.c.id.in_(old.order_by(DRAWINGS.c.created, DRAWINGS.c.id).limit(MAX_DELETED))
        gone = 0
        while deleted := self._delete(some):
            gone += deleted
        return gone

    def stats(self) -> dict[str, Any]:
        """How many there are, read correctly, accepted; by label and by day.

        All numbers stand together, beside the labels of the others.
        """
        columns = COUNTS.c
        sums = sa.func.sum(columns.n), sa.func.sum(sa.case((columns.wrong, 0), else_=columns.n))

        def by(column: sa.Column[Any]) -> sa.Select[Any]:
            groups = sa.select(column, *sums).group_by(column).order_by(column)
            return groups.having(sums[0] > 0)

        with self._database.reading() as connection:
            labels = connection.execute(by(columns.label)).all()
            days = connection.execute(by(columns.day)).all()
            accepted = connection.execute(sa.select(sums[0]).where(columns.accepted)).scalar_one()
        by_label = {label: {"n": n, "right": right} for label, n, right in labels}
        return {
            "n": sum(row[1] for row in labels),
            "right": sum(row[2] for row in labels),
            "accepted": accepted or 0,
            "numbers": by_label.pop(OF_NUMBERS, {"n": 0, "right": 0}),
            "labels": {str(label): of for label, of in by_label.items()},
            "days": [{"day": day, "n": n, "right": right} for day, n, right in days],
        }

    def _delete(self, which: sa.ColumnElement[bool]) -> int:
        with self._database.writing("Expected to delete drawings") as connection:
            sums = Sums.of(connection, which, -1)
            connection.execute(DRAWINGS.delete().where(which))
            return -self._count(connection, sums)

    def _count(self, connection: sa.Connection, sums: "Sums", limited: bool = True) -> int:
        """Keep counts and totals in step; how many drawings more there are.

        Raises StoreFull where the totals grow beyond a limit. They are one row: a limit costs the
        same whether ten drawings are kept or a million.
        """
        added = sums.groups.total()
        self._database.add_up(
            connection, COUNTS, [(*group, n) for group, n in sums.groups.items() if n]
        )
        update = TOTALS.update().values(
            drawings=TOTALS.c.drawings + added, bytes=TOTALS.c.bytes + sums.bytes
        )
        totals = connection.execute(update.returning(*TOTALS.c)).one()._mapping
        for what, more in (("drawings", added), ("bytes", sums.bytes)):
            limit = self._limits[what]
            if limited and limit is not None and more > 0 and totals[what] > limit:
                raise StoreFull(
                    f"Expected room in the store, but it keeps at most {limit:,} {what}",
                    "Delete some, or the old ones with: inkling drawings prune --older-than DAYS",
                )
        return added


class Sums:
    """What a transaction adds to the counts and totals, or takes away."""

    def __init__(self) -> None:
        self.groups: Counter[tuple[int, str, bool, bool]] = Counter()  # by the keys of COUNTS
        self.bytes = 0

    @classmethod
    def of(cls, connection: sa.Connection, which: sa.ColumnElement[bool], sign: int = 1) -> "Sums":
        """Those of drawings in the database; with a `sign` of -1, to take them away."""
        sums = cls()
        query = sa.select(*GROUP, sa.func.count(), sa.func.sum(SIZE))
        for *group, n, size in connection.execute(query.where(which).group_by(*GROUP)):
            sums.groups[tuple(group)] += sign * n
            sums.bytes += sign * size
        return sums

    def add(self, drawing: Labelled, sign: int = 1) -> None:
        """Add a drawing, or take it away."""
        label = OF_NUMBERS if isinstance(drawing.label, str) else drawing.label
        wrong, accepted = drawing.label != drawing.reading, drawing.accepted is True
        self.groups[label, drawing.created[:10], wrong, accepted] += sign
        self.bytes += sign * _size(drawing)


def _has(label: int | str) -> sa.ColumnElement[bool]:
    return _equals(DRAWINGS.c.text if isinstance(label, str) else DRAWINGS.c.label, label)


def _equals(column: sa.Column[Any], value: Any) -> sa.ColumnElement[bool]:
    """A condition; what cannot be stored equals nothing."""
    return column == value if _fits(column.type, value) else sa.false()


def _label(label: int | str, name: str) -> dict[str, Any]:
    """The columns of a label: of a number, its text; of others, their class."""
    number = isinstance(label, str)
    columns = {"label": None if number else label, "text": label if number else None}
    return columns | {"name": name or str(label)}


def _row(drawing: Labelled) -> dict[str, Any]:
    """The columns of a drawing, without its id. Raises InkError."""
    values = vars(drawing) | _label(drawing.label, drawing.name) | {"reading_text": None}
    if isinstance(drawing.reading, str):
        values |= {"reading": None, "reading_text": drawing.reading}
    del values["id"]
    values["wrong"] = drawing.label != drawing.reading
    values["strokes"] = drawing.strokes and json.dumps(drawing.strokes)
    for name, value in values.items():
        if not _fits(DRAWINGS.c[name].type, value):
            raise InkError(
                f"Expected a {name} that every database takes, got {value!r:.80}",
                "Shorten it, and leave out characters that cannot be written",
            )
    return values


def _fits(kind: sa.types.TypeEngine[Any], value: Any) -> bool:
    """Whether PostgreSQL takes a value. SQLite would take more."""
    if isinstance(value, str) and isinstance(kind, sa.String):
        short = kind.length is None or len(value) <= kind.length
        return short and not re.search("[\0\ud800-\udfff]", value)
    return not isinstance(value, int) or abs(value) < 2**31


def _size(drawing: Labelled) -> int:
    """The bytes of its strokes and picture, as SIZE."""
    strokes = json.dumps(drawing.strokes) if drawing.strokes else ""
    return len(strokes) + len(drawing.picture or b"")


def _known(connection: sa.Connection, key: str | None) -> Labelled | None:
    """The drawing of an idempotency key."""
    same = _equals(DRAWINGS.c.idempotency_key, key)
    row = connection.execute(DRAWINGS.select().where(same)).first() if key is not None else None
    return _labelled(row) if row else None


def is_held_out(rank: int) -> bool:
    """Whether a drawing is held out from fine-tuning: `rank` of its label were there before."""
    return rank % HELD_OUT == FIRST_HELD_OUT


def _add(connection: sa.Connection, sums: Sums, drawing: Labelled) -> Labelled:
    """Store a drawing, or change the one of its idempotency key."""
    new = replace(drawing, name=drawing.name or str(drawing.label))
    if old := _known(connection, drawing.idempotency_key):
        new = replace(new, id=old.id, created=old.created, held_out=old.held_out)
        _change(connection, sums, old, new)
        return new
    if new.held_out is None:
        new = replace(new, held_out=_is_held_out(connection, sums, new.label))
    new = replace(new, created=new.created or datetime.now(UTC).isoformat())
    insert = DRAWINGS.insert().values(**_row(new)).returning(DRAWINGS.c.id)
    sums.add(new)
    return replace(new, id=connection.execute(insert).scalar_one())


def _change(connection: sa.Connection, sums: Sums, old: Labelled, new: Labelled) -> None:
    """Put a drawing in the place of another."""
    same = DRAWINGS.c.id == old.id
    connection.execute(DRAWINGS.update().where(same).values(**_row(new)))
    sums.add(old, -1)
    sums.add(new)


def _is_held_out(connection: sa.Connection, sums: Sums, label: int | str) -> bool:
    """Whether the next drawing of a class, or the next number, is held out."""
    of = OF_NUMBERS if isinstance(label, str) else label
    query = sa.select(sa.func.sum(COUNTS.c.n)).where(_equals(COUNTS.c.label, of))
    stored: int = connection.execute(query).scalar_one() or 0
    return is_held_out(stored + sum(n for group, n in sums.groups.items() if group[0] == of))


def _found(
    connection: sa.Connection,
    which: Filter,
    order: Order,
    count: int,
    skip: int,
    after: Place | None,
) -> list[Labelled]:
    """See Store.find. The index of the order finds the numbers; only what is given is read."""
    query = sa.select(DRAWINGS.c.id).where(*which.clauses()).order_by(*ORDERS[order])
    found: list[Labelled] = []
    for following in _following(order, after):
        numbers = query.where(following).limit(count - len(found)).offset(skip)
        rows = DRAWINGS.select().where(DRAWINGS.c.id.in_(numbers)).order_by(*ORDERS[order])
        found += map(_labelled, connection.execute(rows))
        if len(found) == count:
            break
    return found


def _following(order: Order, after: Place | None) -> list[sa.ColumnElement[bool]]:
    """Conditions of what follows a place, in turn: each is one range of the order's index."""
    if after is None:
        return [sa.true()]
    columns, (confidence, number) = DRAWINGS.c, after
    if order == "hardest":
        as_hard = sa.and_(columns.confidence == confidence, columns.id < number)
        return [as_hard, columns.confidence > confidence]
    return [columns.id < number if order == "newest" else columns.id > number]


def _each(page: Callable[[Place], list[Labelled]]) -> Iterator[Labelled]:
    place = START
    while found := page(place):
        yield from found
        place = found[-1].place


def _content(drawing: Labelled) -> tuple[object, ...]:
    """What tells a drawing from others of its date, whatever its number and label."""
    return drawing.session, drawing.strokes, drawing.picture


def _labelled(row: sa.Row[Any]) -> Labelled:
    values = dict(row._mapping)
    text, reading = values.pop("text"), values.pop("reading_text")
    del values["wrong"]
    if text is not None:
        values |= {"label": text, "reading": reading}
    return Labelled(**values | {"strokes": values["strokes"] and json.loads(values["strokes"])})


def _none(number: int) -> NoSuchDrawing:
    return NoSuchDrawing(
        f"Expected a stored drawing, but there is no number {number}", "Reload the list"
    )
