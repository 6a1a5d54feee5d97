"""The answers that training sees: an adjudicated one before all others, and none of people who were left out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, or_, select, true

from ..text import Answer
from .rows import ADJUDICATION, Where, answer, latest
from .tables import EVENTS, ITEMS, MEMBERS, QUESTIONS


def settled_answers(connection: Connection, where: Where, *, until: int | None = None) -> list[Answer]:
    """The answers to the questions that meet the conditions, by question and then by name.

    With `until`, as the log was after the event of that number; who is left out is as it is now.
    """
    query = settled(until=until).join(QUESTIONS).where(*where).order_by(QUESTIONS.c.seq, EVENTS.c.who)
    return [answer(row) for row in connection.execute(query).mappings()]


def settled(*, until: int | None = None) -> Select[Any]:
    """The answers that count: of a question with an adjudication that stands, this is the only one."""
    judged = EVENTS.alias()
    overruled = exists().where(judged.c.question == EVENTS.c.question, adjudicated(judged, until=until))
    peoples = latest(EVENTS.c.seq, until=until).where(EVENTS.c.event == "answer", ~left_out(), ~overruled)
    counting = or_(EVENTS.c.seq.in_(peoples.correlate(None)), adjudicated(EVENTS, until=until))
    return select(EVENTS).where(counting)


def adjudicated(events: Any = EVENTS, *, until: int | None = None) -> ColumnElement[bool]:
    """True of the last adjudication of a question, unless that took the one before back."""
    later = EVENTS.alias()
    newer = exists().where(
        later.c.question == events.c.question, later.c.event == ADJUDICATION, later.c.seq > events.c.seq
    )
    then = true() if until is None else events.c.seq <= until
    newer = newer if until is None else newer.where(later.c.seq <= until)
    return and_(events.c.event == ADJUDICATION, events.c.value.is_not(None), then, ~newer)


def left_out() -> ColumnElement[bool]:
    """True of an event of somebody who was left out of its project."""
    later = MEMBERS.alias()
    changed = exists().where(
        later.c.project == MEMBERS.c.project, later.c.who == MEMBERS.c.who, later.c.seq > MEMBERS.c.seq
    )
    here = (MEMBERS.c.project == EVENTS.c.project, MEMBERS.c.who == EVENTS.c.who)
    return exists().where(*here, MEMBERS.c.state == "excluded", ~changed)


def said_of_items(project: str, *columns: Any) -> Any:
    """The standing answers to the work items of a project, without people who were left out, item by item."""
    query = latest(*columns).join(ITEMS, ITEMS.c.question == EVENTS.c.question)
    query = query.join(QUESTIONS, QUESTIONS.c.id == EVENTS.c.question)
    where = (EVENTS.c.project == project, EVENTS.c.event == "answer", ITEMS.c.purpose == "work", ~left_out())
    return query.where(*where).order_by(ITEMS.c.seq, EVENTS.c.who)
