"""The database of a URL: opened, brought up to date, read and written in transactions.

What differs between SQLite and PostgreSQL stands here. In both, one transaction writes at a time,
whatever thread or process it is of, and a reading transaction sees all as of one moment.
"""

import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from inkling.errors import MissingExtra, StoreError

MIGRATIONS = Path(__file__).parent / "migrations"
SECONDS_TO_WAIT = 5  # for another that writes, and for a server that does not answer
JOURNAL_MODES = ("wal", "delete", "truncate", "persist")  # all but the first also on a network
ADVISORY_LOCK = 0x496E6B6C696E67  # any number, the same for every Inkling
WAY_OUT = {
    "sqlite": "Free some space or close what holds it, and try again",
    "postgresql": "See that its URL is right and its server runs and has space, and try again",
}


class Database:
    """A database of SQLite or PostgreSQL. Safe to share between threads."""

    def __init__(self, url: str, version: str = "head") -> None:
        """Open it; it is created, or brought up to that version, where needed.

        Raises StoreError, or MissingExtra without PostgreSQL's driver.
        """
        parsed = _parsed(url)
        self.kind = parsed.get_backend_name()
        shown = parsed.difference_update_query(["password", "sslpassword"]).render_as_string()
        sqlite = self.kind == "sqlite"
        self._turn = threading.Lock() if sqlite else nullcontext()  # SQLite's own wait is unfair
        expected = f"{shown}: expected a database to open"
        with _reporting(expected, self.kind):
            self._engine = _sqlite(parsed) if sqlite else _postgresql(parsed)
            if sqlite:
                Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        weakref.finalize(self, self._engine.dispose)  # also where nobody closes it
        with self.writing(expected) as connection:  # others wait here, and find it done
            if version != "head" or _version(connection) != _newest():
                _upgrade(connection, version, expected)

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    @contextmanager
    def writing(self, expected: str = "Expected to store the drawing") -> Iterator[sa.Connection]:
        """A transaction that writes, when no other does. Raises StoreError."""
        with self._turn, _reporting(expected, self.kind), self._engine.connect() as connection:
            connection.execution_options(begin="IMMEDIATE")
            with connection.begin():
                if self.kind == "postgresql":
                    wait = f"SET LOCAL lock_timeout = {round(1000 * SECONDS_TO_WAIT)}"
                    connection.exec_driver_sql(wait)
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
                yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that reads. Raises StoreError."""
        reporting = _reporting("Expected to read the drawings", self.kind)
        with reporting, self._engine.connect() as connection:
            if self.kind == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    def number_on(self, connection: sa.Connection) -> None:
        """Number the next drawing after those that came with their numbers."""
        if self.kind == "postgresql":  # never back: a rollback would not undo it
            sequence = "pg_get_serial_sequence('drawings', 'id')"
            last = f"GREATEST(MAX(id), NEXTVAL({sequence}))"
            connection.exec_driver_sql(f"SELECT SETVAL({sequence}, {last}) FROM drawings")

    def add_up(self, connection: sa.Connection, table: sa.Table, rows: list[Any]) -> None:
        """Add rows to those of the same key: the last column is a number, the others the key."""
        if not rows:
            return
        *key, number = (column.name for column in table.c)
        insert: sqlite.Insert | postgresql.Insert = (
            sqlite.insert(table) if self.kind == "sqlite" else postgresql.insert(table)
        )
        sums = {number: table.c[number] + insert.excluded[number]}
        add = insert.on_conflict_do_update(index_elements=key, set_=sums)
        connection.execute(add, [dict(zip([*key, number], row, strict=True)) for row in rows])


@dataclass(frozen=True)
class Seen:
    """What a database is, without what is in it."""

    path: Path | None  # of SQLite's file, be it there or not
    version: str | None = None  # None where it has no drawings yet
    drawings: int = 0

    @property
    def newest(self) -> str:
        """The version that this code makes of it."""
        return _newest()

    @property
    def is_newer(self) -> bool:
        """Whether a newer Inkling has written it, so that this one cannot open it."""
        return self.version is not None and self.version not in _versions()


def look(url: str) -> Seen:
    """What the database of a URL is; nothing is created, brought up to date or locked.

    Raises StoreError, or MissingExtra without PostgreSQL's driver.
    """
    parsed = _parsed(url)
    kind = parsed.get_backend_name()
    path = Path(str(parsed.database)) if kind == "sqlite" else None
    with _reporting("Expected a database to open", kind):
        if path and not path.exists():
            return Seen(path)
        if path:
            read_only = f"{path.absolute().as_uri()}?mode=ro"
            engine = sa.create_engine(
                "sqlite://", creator=partial(sqlite3.connect, read_only, uri=True)
            )
        else:
            engine = _postgresql(parsed)
        try:
            with engine.connect() as connection:
                if (version := _version(connection)) is None:
                    return Seen(path)
                query = "SELECT COUNT(*) FROM drawings"
                return Seen(path, version, connection.exec_driver_sql(query).scalar_one())
        finally:
            engine.dispose()


@contextmanager
def _reporting(expected: str, kind: str) -> Iterator[None]:
    """What a database of that kind raises becomes one line."""
    try:
        yield
    except (SQLAlchemyError, OSError) as cause:
        reason = cause.orig if isinstance(cause, DBAPIError) else cause
        what = " ".join(str(reason).split()).rstrip(".?") or type(cause).__name__
        raise StoreError(f"{expected}, but {what}", WAY_OUT[kind]) from cause


def _newest() -> str:
    """The version that this code reads and writes."""
    return max(_versions())


def _versions() -> set[str]:
    """All versions that this code knows."""
    files = (MIGRATIONS / "versions").glob("*.py")
    return {path.name.partition("_")[0] for path in files}


def _version(connection: sa.Connection) -> str | None:
    """The version of a database; None of one without tables."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    query = "SELECT version_num FROM alembic_version"
    return connection.exec_driver_sql(query).scalar_one_or_none()


def _upgrade(connection: sa.Connection, version: str, expected: str) -> None:
    """Bring a database up to a version. Raises StoreError if it is newer than this code."""
    from alembic import command  # here, for its import takes longer than a server may to start
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, version)
    except CommandError as cause:
        raise StoreError(
            f"{expected}, but a newer version of Inkling has written it ({cause})",
            "Use that version, or name another with --drawings or INKLING_DRAWINGS",
        ) from cause


def _parsed(url: str) -> URL:
    """A URL, checked. Raises StoreError, which does not say what may be its password."""
    shown = re.sub("(?<=password=)[^&]*", "***", re.sub("(?<=:).*@", "***@", url, flags=re.DOTALL))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # whose text may have the password
        raise _no_url(shown, "it cannot be parsed") from None
    kind = parsed.get_backend_name()
    if kind in ("postgres", "postgresql"):
        if "@" in (parsed.host or ""):
            raise _no_url(shown, "an @ within its password is written as %40")
        return parsed.set(drivername="postgresql+psycopg")
    if kind != "sqlite":
        raise _no_url(shown, "it is of neither SQLite nor PostgreSQL")
    if parsed.query.get("journal_mode", "wal") not in JOURNAL_MODES:
        raise _no_url(shown, f"journal_mode is one of {', '.join(JOURNAL_MODES)}")
    if parsed.database in (None, "", ":memory:"):
        raise _no_url(shown, "in memory, drawings would be lost")
    return parsed.set(drivername="sqlite")


def _no_url(shown: str, why: str) -> StoreError:
    return StoreError(
        f"Expected the URL of a database, got {shown!r} ({why})",
        "For example: sqlite:////home/me/drawings.sqlite or postgresql://me:secret@host/drawings",
    )


def _sqlite(url: URL) -> sa.Engine:
    """An engine of a file, in the journal mode that its URL names."""
    mode = str(url.query.get("journal_mode", "wal"))  # ours, not its driver's
    engine = sa.create_engine(url.difference_update_query(["journal_mode"]))
    sa.event.listen(engine, "connect", partial(_set_up_sqlite, mode))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql(url: URL) -> sa.Engine:
    """An engine that waits for a server a few seconds, and outlives its restart."""
    waits = {  # of libpq; the URL may give others
        "connect_timeout": str(SECONDS_TO_WAIT),  # seconds
        "keepalives_idle": str(SECONDS_TO_WAIT),
        "tcp_user_timeout": str(1000 * SECONDS_TO_WAIT),  # milliseconds
    }
    try:
        return sa.create_engine(
            url.set(query=waits | dict(url.query)),
            pool_pre_ping=True,  # a connection of before the restart is noticed and made again
            pool_timeout=SECONDS_TO_WAIT,
        )
    except ImportError as cause:
        raise MissingExtra("A store in PostgreSQL", "psycopg", "postgres") from cause


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
