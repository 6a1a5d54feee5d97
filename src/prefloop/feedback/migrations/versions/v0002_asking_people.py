"""Answers become events of any kind of question; projects, items, members and the queue come."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the new tables, and copy the answers as the first events."""
    op.add_column("questions", sa.Column("options", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("questions", sa.Column("parent", sa.String, nullable=False, server_default=""))
    op.create_index("questions_parent", "questions", ["parent"])
    _events()
    _projects()
    _members()
    _queue()


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("submission", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("question", sa.String, sa.ForeignKey("questions.id"), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("value", sa.JSON),
        sa.Column("order", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("guideline", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.UniqueConstraint("submission", name="events_submission"),
        sa.UniqueConstraint("question", "who", "revision", name="events_revision"),
    )
    op.create_index("events_project_who", "events", ["project", "who"])
    value = "a.value" if op.get_context().dialect.name == "sqlite" else "CAST(CAST(a.value AS TEXT) AS JSON)"
    op.execute(
        'INSERT INTO events (submission, event, project, question, who, revision, value, "order", seconds, at, '
        "guideline, reason) SELECT '0001-' || CAST(row_number() OVER (ORDER BY q.seq, a.who) AS VARCHAR), "
        f"'answer', '', a.question, a.who, 0, {value}, a.\"order\", a.seconds, a.at, 0, '' "
        "FROM answers AS a JOIN questions AS q ON q.id = a.question ORDER BY q.seq, a.who"
    )
    op.drop_table("answers")


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", "revision"),
    )
    op.create_table(
        "guidelines",
        sa.Column("project", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("project", "version"),
    )
    op.create_table(
        "items",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("question", sa.String, sa.ForeignKey("questions.id"), nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("expected", sa.JSON),
        sa.Column("explanation", sa.Text, nullable=False),
        sa.UniqueConstraint("question", name="items_question"),
    )
    op.create_index("items_project_purpose", "items", ["project", "purpose", "seq"])


def _members() -> None:
    op.create_table(
        "members",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("members_who", "members", ["project", "who"])
    op.create_index("members_token", "members", ["token"])
    op.create_table(
        "erasures",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("pseudonym", sa.String, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "erasing", sa.Column("who", sa.String, primary_key=True), sa.Column("pseudonym", sa.String, nullable=False)
    )


def _queue() -> None:
    op.create_table(
        "slots",
        sa.Column("item", sa.Integer, sa.ForeignKey("items.seq"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("project", sa.String, nullable=False),
        sa.Column("gold", sa.Boolean, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("who", sa.String),
        sa.Column("expires", sa.Double),
        sa.PrimaryKeyConstraint("item", "number"),
        sa.UniqueConstraint("item", "who", name="slots_once"),
    )
    op.create_index("slots_open", "slots", ["project", "state", "item", "number"])
    op.create_index("slots_who", "slots", ["project", "who", "gold", "item"])
