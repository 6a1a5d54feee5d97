"""The tables of the feedback store, as they are now; `migrations` brings older stores here."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

GROUPS = Table(
    "groups",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("prompt", JSON, nullable=False),
    Column("prompt_ids", JSON, nullable=False),
)

RESPONSES = Table(
    "responses",
    METADATA,
    Column("group_id", ForeignKey(GROUPS.c.id), nullable=False),
    Column("place", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("ids", JSON, nullable=False),
    Column("mask", JSON, nullable=False),
    Column("logp", JSON, nullable=False),
    Column("finish", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("sampling", JSON, nullable=False),
    PrimaryKeyConstraint("group_id", "place"),
)

QUESTIONS = Table(
    "questions",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("group_id", ForeignKey(GROUPS.c.id), nullable=False),
    Column("why", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("split", String, nullable=False),
    Column("options", JSON, nullable=False, server_default="{}"),
    Column("parent", String, nullable=False, server_default=""),
    Index("questions_parent", "parent"),
)

EVENTS = Table(  # what people said, skipped and took back; the last revision of a person on a question stands
    "events",
    METADATA,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("submission", String, nullable=False),
    Column("event", String, nullable=False),
    Column("project", String, nullable=False),
    Column("question", ForeignKey(QUESTIONS.c.id), nullable=False),
    Column("who", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("value", JSON(none_as_null=True)),
    Column("order", JSON, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("at", Double, nullable=False),
    Column("guideline", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("telemetry", JSON, nullable=False, server_default="{}"),
    UniqueConstraint("submission", name="events_submission"),
    UniqueConstraint("question", "who", "revision", name="events_revision"),
    Index("events_project_who", "project", "who"),
)

NOTES = Table(
    "notes",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("value", JSON, nullable=False),
    Column("at", Double, nullable=False),
)

PROJECTS = Table(  # the last revision stands
    "projects",
    METADATA,
    Column("id", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("id", "revision"),
)

GUIDELINES = Table(
    "guidelines",
    METADATA,
    Column("project", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("project", "version"),
)

ITEMS = Table(
    "items",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("project", String, nullable=False),
    Column("question", ForeignKey(QUESTIONS.c.id), nullable=False),
    Column("purpose", String, nullable=False),
    Column("expected", JSON(none_as_null=True)),
    Column("explanation", Text, nullable=False),
    UniqueConstraint("question", name="items_question"),
    Index("items_project_purpose", "project", "purpose", "seq"),
)

MEMBERS = Table(  # the last row of a person in a project stands; project "" is every project
    "members",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("project", String, nullable=False),
    Column("who", String, nullable=False),
    Column("role", String, nullable=False),
    Column("state", String, nullable=False),
    Column("token", String(64), nullable=False),
    Column("expires", Double, nullable=False),
    Column("by", String, nullable=False),
    Column("at", Double, nullable=False),
    Index("members_who", "project", "who"),
    Index("members_token", "token"),
)

ERASURES = Table(  # that something was erased, when and by whom; never whose it was
    "erasures",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("pseudonym", String, nullable=False),
    Column("events", Integer, nullable=False),
    Column("by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
)

SLOTS = Table(  # the queue: who has which place of an item; it changes, and `queue.rebuild` makes it from the events
    "slots",
    METADATA,
    Column("item", ForeignKey(ITEMS.c.seq), nullable=False),
    Column("number", Integer, nullable=False),
    Column("project", String, nullable=False),
    Column("gold", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("who", String),
    Column("expires", Double),
    PrimaryKeyConstraint("item", "number"),
    UniqueConstraint("item", "who", name="slots_once"),
    Index("slots_open", "project", "state", "item", "number"),
    Index("slots_who", "project", "who", "gold", "item"),
)

ERASING = Table(  # holds a row only inside the transaction that erases somebody: the triggers let that one through
    "erasing",
    METADATA,
    Column("who", String, primary_key=True),
    Column("pseudonym", String, nullable=False),
)

CHANGING = (SLOTS, ERASING)
"""The tables whose rows change; all others are append-only."""
PERSONAL = (EVENTS, MEMBERS)
"""The append-only tables that say who: an erasure may change `who` and the listed columns in them."""
