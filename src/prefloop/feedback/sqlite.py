"""Everything that is true of SQLite only: how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from ..errors import DataError, PrefloopError, RunError

_CACHE = 16_384  # KiB for each connection; with SQLite's own 2 MiB, an import reads the same indices again and again


def tune(engine: Engine, wait: float) -> None:
    """Write-ahead log, full synchronisation, foreign keys, and `wait` seconds of patience with other writers.

    What is deleted is overwritten, so that an erasure leaves nothing to read in the file.

    Transactions of an engine with the execution option `writes` take the write lock when they begin: one that reads
    first and writes later would be refused, without waiting, whenever somebody else wrote in between.
    """

    @event.listens_for(engine, "connect")
    def _open(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver would otherwise begin transactions of its own
        connection.execute(f"PRAGMA busy_timeout = {round(wait * 1000)}")
        _use_write_ahead_log(connection, time.monotonic() + wait)
        cache = f"cache_size = -{_CACHE}"
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", cache):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _use_write_ahead_log(connection: Any, until: float) -> None:
    """Switch the journal, waiting for others: SQLite itself does not wait here, and two may open a new file at once."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                raise
            time.sleep(0.01)


_FAULTS: dict[str, tuple[type[PrefloopError], str, str]] = {
    "SQLITE_FULL": (RunError, "the disk is full", "Free some space and run the same command again"),
    "SQLITE_IOERR": (RunError, "the disk refused to read or write", "Check its free space and health, then try again"),
    "SQLITE_BUSY": (RunError, "another process is holding it", "Wait for that process or end it, then try again"),
    "SQLITE_READONLY": (RunError, "it may not be written", "Give yourself write permission on the file and its folder"),
    "SQLITE_CANTOPEN": (RunError, "it cannot be opened", "Make its folder, and check that the path is a file"),
    "SQLITE_NOTADB": (
        DataError,
        "it is not an SQLite database",
        "Give the path of a feedback store, or of no file yet",
    ),
    "SQLITE_CORRUPT": (
        DataError,
        "it is damaged",
        "Restore a copy, or save what can be read with `sqlite3 FILE .recover`",
    ),
}


def explain(error: DBAPIError, place: str) -> PrefloopError:
    """The error a person can act on: what is wrong with the store at `place`, and what mends it."""
    code = getattr(error.orig, "sqlite_errorname", "")
    for name, (kind, cause, mend) in _FAULTS.items():
        if code.startswith(name):
            kept = " What was committed is kept." if kind is RunError else ""
            return kind(f"the feedback store cannot be used: {cause} ({place}). {mend}.{kept}")
    return RunError(
        f"the feedback store answered `{error.orig}` ({place}). If it was written by another program or version, give "
        "another path. What was committed is kept."
    )
