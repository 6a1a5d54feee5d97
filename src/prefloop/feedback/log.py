"""The end of the log: lines are added here and nowhere else, and how far it reaches."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, text

from .database import insert_rows
from .rows import Row
from .tables import EVENTS

_KEY = 0x6C696E65  # of PostgreSQL: whoever adds lines shares it, whoever asks for the end waits until all have


def append(connection: Connection, rows: list[Row]) -> None:
    """Add lines to the log."""
    if rows and connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": _KEY})
    insert_rows(connection, EVENTS, rows)


def end(connection: Connection) -> int:
    """The place of the last line, before which nothing is added any more.

    PostgreSQL numbers lines when they are written, and shows them when they are committed, which is another order. So
    this waits for those who are writing, and lets go at once: locks end with their savepoint.
    """
    last = select(func.coalesce(func.max(EVENTS.c.seq), 0))
    if connection.dialect.name != "postgresql":
        return int(connection.execute(last).scalar_one())
    with connection.begin_nested() as savepoint:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
        found = int(connection.execute(last).scalar_one())
        savepoint.rollback()
    return found
