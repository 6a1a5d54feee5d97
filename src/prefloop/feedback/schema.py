"""Bringing a database to the tables of this version: a new one at once, an older one step by step."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ..errors import DataError
from .append_only import make_append_only
from .tables import METADATA

HEAD = "0004"
"""The version of the tables that this version of prefloop reads and writes."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = "alembic_version"
_LOCK = 0x7072656C  # of PostgreSQL: whoever opens a store at the same moment waits


def bring_up_to_date(connection: Connection) -> None:
    """Make or migrate the tables, in the transaction of this connection.

    Raises:
        DataError: the store was written by a later version of prefloop.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    present = set(inspect(connection).get_table_names())
    version = _version(connection, present)
    if version == HEAD:
        return
    if version is None:
        METADATA.create_all(connection)
        _stamp(connection)
    else:
        migrate(connection, version)
    make_append_only(connection)


def _version(connection: Connection, present: set[str]) -> str | None:
    """The version of the tables; `None` where there are none yet."""
    if _VERSION in present:
        return str(connection.execute(text(f"SELECT version_num FROM {_VERSION}")).scalar_one())
    return "0001" if "questions" in present else None


def _stamp(connection: Connection) -> None:
    connection.execute(text(f"CREATE TABLE {_VERSION} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {_VERSION} VALUES (:head)"), {"head": HEAD})


def migrate(connection: Connection, version: str | None, to: str = HEAD) -> None:
    """The steps from one version of the tables to another, by Alembic; from `None`, on an empty database.

    Raises:
        DataError: there is no such version here: a later prefloop wrote the store.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(_MIGRATIONS))
    if version is not None and version not in {step.revision for step in script.walk_revisions()}:
        raise DataError(
            f"the feedback store has tables of version {version}, and this prefloop knows them up to {HEAD}: it was "
            "written by a later prefloop. Upgrade prefloop, or give another path."
        )
    context = MigrationContext.configure(connection)
    if version is not None:
        context.stamp(script, version)
    for step in reversed(list(script.iterate_revisions(to, version or "base"))):
        with Operations.context(context):
            step.module.upgrade()
        context.stamp(script, step.revision)
