"""An item may be turned into a gold or practice item: the trigger that forbade it is made anew with a gate."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Drop the old trigger on SQLite; opening the store makes today's. PostgreSQL replaces its function there."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS items_append_only_update")
