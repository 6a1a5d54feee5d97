"""How an answer came about, as a small JSON object beside it in the log.

keystrokes, pastes, pasted: of a written answer, how many keys, pastes, and characters that were pasted. named: the
responses in which a model or its maker was named, and the page hid the name. final: who wrote what, or what is right,
was shown after the answer, which is closed since.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection

from ..text import Answer
from .rows import latest
from .tables import EVENTS, ITEMS

FINAL = "final"
NAMED = "named"


def split_off(connection: Connection, answers: Iterable[Answer], *, blind: bool) -> tuple[list[Answer], dict[str, int]]:
    """The answers that training may see, and how many of the others there are, by reason."""
    practice = _keys(connection, ITEMS.c.purpose == "practice")
    named = _keys(connection, _said(NAMED)) if blind else set()
    kept: list[Answer] = []
    left_out: dict[str, int] = {}
    for answer in answers:
        key = (answer.question, answer.who)
        why = "practice" if key in practice else "a model was named" if key in named else ""
        if why:
            left_out[why] = left_out.get(why, 0) + 1
        else:
            kept.append(answer)
    return kept, left_out


def _said(name: str) -> ColumnElement[bool]:
    found: ColumnElement[Any] = EVENTS.c.telemetry[name].as_string()
    return found.is_not(None)


def _keys(connection: Connection, where: ColumnElement[bool]) -> set[tuple[str, str]]:
    query = latest(EVENTS.c.question, EVENTS.c.who).outerjoin(ITEMS, ITEMS.c.question == EVENTS.c.question)
    return {(row.question, row.who) for row in connection.execute(query.where(where))}
