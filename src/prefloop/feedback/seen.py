"""What came before in a stream, counted on disk: however long the stream is, little of it is in memory."""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Any

from .formats.converter import digest


class Seen:
    """Counts how often a value came, and remembers what was first said of it.

    >>> seen = Seen()
    >>> seen.before("a", 1), seen.before("a", 1), seen.first("pair", "left"), seen.first("pair", "right")
    (0, 1, None, 'left')
    """

    def __init__(self) -> None:
        """Nothing yet, in a temporary file that SQLite removes."""
        self._data = sqlite3.connect("")
        self._data.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, count INTEGER, said TEXT) WITHOUT ROWID")

    def before(self, *value: Any) -> int:
        """How often this came before."""
        query = "INSERT INTO seen VALUES (?, 1, NULL) ON CONFLICT (key) DO UPDATE SET count = count + 1 RETURNING count"
        return int(self._data.execute(query, (_key(value),)).fetchone()[0]) - 1

    def first(self, about: Any, said: str) -> str | None:
        """What was first said about this; `None` where this is the first."""
        key = _key(about)
        row = self._data.execute("SELECT said FROM seen WHERE key = ?", (key,)).fetchone()
        if row is None:
            self._data.execute("INSERT INTO seen VALUES (?, 1, ?)", (key, said))
            return None
        return str(row[0])

    def close(self) -> None:
        """Let go of the file."""
        self._data.close()


def _key(value: Any) -> bytes:
    return hashlib.blake2b(digest(value).encode(), digest_size=12).digest()
