"""The database under the feedback store: how it is opened, and its transactions, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Column, Connection, Engine, Select, Table, create_engine, insert, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from ..errors import PrefloopError, RunError
from . import sqlite

BATCH = 500
"""Rows in one statement: databases bound the number of values in it."""


@dataclass(frozen=True, slots=True)
class Database:
    """An engine, and its transactions.

    The threads of one process write to SQLite in turn, in the order in which they came: SQLite itself would have them
    poll. Processes wait for each other as SQLite has them wait; PostgreSQL's writers need not wait at all.
    """

    engine: Engine
    _turn: threading.Lock = field(default_factory=threading.Lock, compare=False)

    @classmethod
    def open(cls, path_or_url: str | Path, *, wait: float) -> Database:
        """The database at a path or URL; nothing is read yet."""
        is_url = isinstance(path_or_url, str) and "://" in path_or_url
        try:
            url = make_url(str(path_or_url)) if is_url else URL.create("sqlite", database=str(path_or_url))
            if url.drivername in ("postgresql", "postgres"):
                url = url.set(drivername="postgresql+psycopg")
            size = {"pool_size": 10, "max_overflow": 40} if url.get_backend_name() == "postgresql" else {}
            engine = create_engine(url, **size)
        except (ArgumentError, ImportError) as error:
            raise RunError(
                f"the feedback store cannot be opened: {error} ({_without_password(str(path_or_url))}). Give the path "
                "of a file, or a URL that SQLAlchemy knows with its driver installed (PostgreSQL's: pip install "
                "'prefloop[postgres]')."
            ) from error
        if engine.dialect.name == "sqlite":
            sqlite.tune(engine, wait)
        return cls(engine)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @property
    def place(self) -> str:
        """The database's name, for messages; no password."""
        return self.engine.url.database or str(self.engine.url)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; what it wrote is on the disk when it ends."""
        if not self.is_sqlite:
            with self._transaction(self.engine) as connection:
                yield connection
            return
        with self._turn, self._transaction(self.engine.execution_options(writes=True)) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads one state of the database."""
        engine = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        with self._transaction(engine) as connection:
            yield connection

    @contextmanager
    def following(self) -> Iterator[Connection]:
        """A transaction that reads what is committed, on PostgreSQL also what is committed while it goes on."""
        with self._transaction(self.engine) as connection:
            yield connection

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise explain(error, self.place) from error


def explain(error: DBAPIError, place: str) -> PrefloopError:
    """The error a person can act on."""
    if getattr(error.orig, "sqlite_errorname", "") or not getattr(error.orig, "diag", None):
        return sqlite.explain(error, place)
    said = str(error.orig).strip().splitlines()
    return RunError(
        f"the feedback store answered `{said[0] if said else error.orig}` ({place}). Check that the database server "
        "runs, and the name, user and rights in the URL. What was committed is kept."
    )


def one_at_a_time(connection: Connection, *key: str) -> None:
    """Until the transaction ends, no other one goes past here with this key. On SQLite no other one writes at all."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": "\n".join(key)})


def lookup(
    connection: Connection, query: Select[Any], key: Column[Any], wanted: Iterable[Any]
) -> Iterator[tuple[Any, ...]]:
    """The rows whose `key` is among those wanted, some at a time because databases bound a list's length."""
    rest = iter(list(wanted))
    while some := list(islice(rest, BATCH)):
        yield from map(tuple, connection.execute(query.where(key.in_(some))))


def insert_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows, where there are any."""
    if rows:
        connection.execute(insert(table), rows)


def _without_password(url: str) -> str:
    return url.rpartition("@")[2]
