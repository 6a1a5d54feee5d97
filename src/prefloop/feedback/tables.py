"""The tables of the feedback store."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
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
)

ANSWERS = Table(
    "answers",
    METADATA,
    Column("question", ForeignKey(QUESTIONS.c.id), nullable=False),
    Column("who", String, nullable=False),
    Column("value", Integer, nullable=False),
    Column("order", JSON, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("question", "who"),
)

NOTES = Table(
    "notes",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("value", JSON, nullable=False),
    Column("at", Double, nullable=False),
)
