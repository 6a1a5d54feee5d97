"""Events say how an answer came about: keys, pastes, names that were hidden, whether it was final."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; what was said before has an empty object."""
    op.add_column("events", sa.Column("telemetry", sa.JSON, nullable=False, server_default="{}"))
