"""The store as it first was: one answer a person, by the index of a response."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the five tables."""
    op.create_table(
        "groups",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("prompt", sa.JSON, nullable=False),
        sa.Column("prompt_ids", sa.JSON, nullable=False),
    )
    op.create_table(
        "responses",
        sa.Column("group_id", sa.String(64), sa.ForeignKey("groups.id"), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("ids", sa.JSON, nullable=False),
        sa.Column("mask", sa.JSON, nullable=False),
        sa.Column("logp", sa.JSON, nullable=False),
        sa.Column("finish", sa.String, nullable=False),
        sa.Column("model_version", sa.String, nullable=False),
        sa.Column("sampling", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "place"),
    )
    op.create_table(
        "questions",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("group_id", sa.String(64), sa.ForeignKey("groups.id"), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("split", sa.String, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("question", sa.String, sa.ForeignKey("questions.id"), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.Column("order", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("question", "who"),
    )
    op.create_table(
        "notes",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
