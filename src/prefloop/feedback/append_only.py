"""The triggers that keep the log a log, whichever program writes to the database, and the one gate in them.

Every update, delete and replacement of a row is aborted. What an item is for may change, with the right answer
(`purposes.turn`): it is no event. The gate for people: while `erasing` holds a person's name (inside the
transaction of `erasure.erase`), rows of that person in `events` and `members` may be updated, to that pseudonym and in
these columns only.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, PrimaryKeyConstraint, Table, UniqueConstraint

from .tables import CHANGING, METADATA, PERSONAL

ERASED = {"events": ("who", "event", "value", "reason", "telemetry"), "members": ("who", "state", "token", "by")}
"""The columns that an erasure may change."""
TURNED = {"items": ("purpose", "expected", "explanation")}
"""The columns that say what a row is for."""


def make_append_only(connection: Connection) -> None:
    """Make the triggers that are not there yet."""
    statements = _sqlite if connection.dialect.name == "sqlite" else _postgresql
    if connection.dialect.name not in ("sqlite", "postgresql"):
        return
    for table in METADATA.sorted_tables:
        if table not in CHANGING:
            for statement in statements(table):
                connection.exec_driver_sql(statement)


def _sqlite(table: Table) -> Iterator[str]:
    name = table.name
    gate = f"WHEN NOT ({_gate(table)})" if _may_change(table) else ""
    for verb, condition in (("UPDATE", gate), ("DELETE", ""), ("INSERT", f"WHEN {_already_there(table)}")):
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {name}_append_only_{verb.lower()} BEFORE {verb} ON {name} {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
        )


def _postgresql(table: Table) -> Iterator[str]:
    name = table.name
    let = f"IF TG_OP = 'UPDATE' THEN IF {_gate(table)} THEN RETURN NEW; END IF; END IF; " if _may_change(table) else ""
    yield (
        f"CREATE OR REPLACE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {let}"
        f"RAISE EXCEPTION '{name} is append-only'; END $$"
    )
    call = f"EXECUTE FUNCTION {name}_append_only()"
    yield f"CREATE OR REPLACE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE ON {name} FOR EACH ROW {call}"
    yield f"CREATE OR REPLACE TRIGGER {name}_append_only_all BEFORE TRUNCATE ON {name} FOR EACH STATEMENT {call}"


def _may_change(table: Table) -> bool:
    return table in PERSONAL or table.name in TURNED


def _gate(table: Table) -> str:
    """True of an update that leaves all other columns alone, and, of a row about a person, is part of an erasure."""
    free = TURNED.get(table.name) or ERASED[table.name]
    kept = [c.name for c in table.columns if c.name not in free]
    same = " AND ".join(f'CAST(NEW."{c}" AS TEXT) = CAST(OLD."{c}" AS TEXT)' for c in kept)
    if table.name in TURNED:
        return same
    return f"EXISTS (SELECT 1 FROM erasing WHERE erasing.who = OLD.who AND erasing.pseudonym = NEW.who) AND {same}"


def _already_there(table: Table) -> str:
    keys = (c for c in table.constraints if isinstance(c, PrimaryKeyConstraint | UniqueConstraint))
    same = (" AND ".join(f'"{column.name}" = NEW."{column.name}"' for column in key.columns) for key in keys)
    return f"EXISTS (SELECT 1 FROM {table.name} WHERE {' OR '.join(f'({s})' for s in same)})"
