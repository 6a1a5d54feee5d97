"""Records as rows of the feedback store's tables, and rows as records."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, bindparam, exists, func, select

from ..errors import DataError
from ..text import Answer, Group, Message, Prompt, Question, Response
from .records import Event
from .tables import EVENTS, GROUPS, ITEMS, QUESTIONS, RESPONSES

Row = dict[str, Any]
Where = list[ColumnElement[bool]]
_ANSWER = tuple(f.name for f in fields(Answer))
EVENT = tuple(f.name for f in fields(Event) if f.name != "seq")
"""What an event has but its place in the log."""
_OF_ANSWER, _OF_EVENT = attrgetter(*_ANSWER), attrgetter(*EVENT)
ADJUDICATION = "adjudication"
"""The event by which a reviewer or a lead says what the answer to a question is."""


def group_rows(group: Group) -> tuple[Row, list[Row]]:
    """A group as one row of `groups` and its rows of `responses`, under an id that is a hash of all they hold.

    Raises:
        DataError: its responses answer different prompts.
    """
    if group.compares_prompts:
        raise DataError(
            f"a feedback store holds answers to one prompt each, and those to {group.prompt.shown[:80]!r} stand beside "
            "answers to others: keep comparisons of prompts in a file (docs/how-to/train-a-reward-model.md)."
        )
    prompt = {
        "text": group.prompt.text,
        "messages": [{"role": m.role, "content": m.content} for m in group.prompt.messages],
    }
    answers: list[Row] = [
        {
            "place": place,
            "text": r.text,
            "ids": list(r.ids),
            "mask": list(r.mask),
            "logp": list(r.logp),
            "finish": r.finish,
            "model_version": r.model_version,
            "sampling": r.sampling,
        }
        for place, r in enumerate(group.responses)
    ]
    content = json.dumps([prompt, group.prompt_ids, answers], sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()
    stored: Row = {"id": key, "prompt": prompt, "prompt_ids": list(group.prompt_ids)}
    return stored, [{"group_id": key} | a for a in answers]


def _prompt(stored: Row) -> Prompt:
    return Prompt(text=stored["text"], messages=tuple(Message(**m) for m in stored["messages"]))


def _response(row: RowMapping) -> Response:
    return Response(
        text=row["text"],
        ids=tuple(row["ids"]),
        mask=tuple(row["mask"]),
        logp=tuple(row["logp"]),
        finish=row["finish"],
        model_version=row["model_version"],
        sampling=row["sampling"],
    )


def question_row(question: Question, group_id: str) -> Row:
    """A question as a row of `questions`."""
    return {
        "id": question.id,
        "kind": question.kind,
        "group_id": group_id,
        "why": question.why,
        "round": question.round,
        "split": question.split,
        "options": question.options,
        "parent": question.parent,
    }


def answer_row(answer: Answer, *, submission: str, project: str = "") -> Row:
    """An answer as a row of `events`."""
    return dict(zip(_ANSWER, _OF_ANSWER(answer), strict=True)) | {
        "order": list(answer.order),
        "event": "answer",
        "submission": submission,
        "project": project,
        "reason": "",
        "telemetry": {},
    }


def read_questions(connection: Connection, where: Where) -> dict[str, Question]:
    """The questions that meet the conditions, by id, in the order they were added."""
    responses: defaultdict[str, list[Response]] = defaultdict(list)
    wanted = select(QUESTIONS.c.group_id).where(*where)
    query = select(RESPONSES).where(RESPONSES.c.group_id.in_(wanted)).order_by(RESPONSES.c.group_id, RESPONSES.c.place)
    for row in connection.execute(query).mappings():
        responses[row["group_id"]].append(_response(row))
    asked = _ASKED.where(*where).order_by(QUESTIONS.c.seq)
    return {row["id"]: _question(row, responses[row["group_id"]]) for row in connection.execute(asked).mappings()}


_ASKED = select(QUESTIONS, GROUPS.c.prompt, GROUPS.c.prompt_ids).join(GROUPS)
_ASKED_ONE = _ASKED.where(QUESTIONS.c.id == bindparam("question"))
_RESPONSES = select(RESPONSES).where(RESPONSES.c.group_id == bindparam("group")).order_by(RESPONSES.c.place)


def read_question(connection: Connection, key: str) -> Question:
    """The question of this id, which is there."""
    row = connection.execute(_ASKED_ONE, {"question": key}).mappings().one()
    found = connection.execute(_RESPONSES, {"group": row["group_id"]}).mappings()
    return _question(row, [_response(r) for r in found])


def _question(row: RowMapping, responses: list[Response]) -> Question:
    return Question(
        id=row["id"],
        kind=row["kind"],
        group=Group(prompt=_prompt(row["prompt"]), prompt_ids=tuple(row["prompt_ids"]), responses=tuple(responses)),
        why=row["why"],
        round=row["round"],
        split=row["split"],
        options=row["options"],
        parent=row["parent"],
    )


def in_order_of(project: str) -> ColumnElement[bool]:
    """The events of a project, for a query in the order of the log.

    Not by the index of projects: SQLite would sort all of them, and again for every page.
    """
    return func.coalesce(EVENTS.c.project, "") == project


def latest(*columns: Any, until: int | None = None) -> Select[Any]:
    """The last thing each person did with each question; that they adjudicated it is no such thing.

    With `until`, as the log was after the event of that number.
    """
    later = EVENTS.alias()
    same = and_(later.c.question == EVENTS.c.question, later.c.who == EVENTS.c.who, later.c.event != ADJUDICATION)
    overruled = exists().where(same, later.c.revision > EVENTS.c.revision)
    said = select(*columns).select_from(EVENTS).where(EVENTS.c.event != ADJUDICATION)
    if until is None:
        return said.where(~overruled)
    return said.where(~overruled.where(later.c.seq <= until), EVENTS.c.seq <= until)


def standing(*, until: int | None = None) -> Select[Any]:
    """The events that stand: the last thing each person did with each question, where that was to answer it."""
    return latest(EVENTS, until=until).where(EVENTS.c.event == "answer")


def next_revision(question: Any, who: Any) -> ColumnElement[int]:
    """The number of the next thing a person does with a question, as a part of a statement that may have its item."""
    mine = select(func.max(EVENTS.c.revision)).where(EVENTS.c.question == question, EVENTS.c.who == who)
    return func.coalesce(mine.correlate(ITEMS).scalar_subquery(), -1) + 1


def read_answers(connection: Connection, where: Where, *, until: int | None = None) -> list[Answer]:
    """The standing answers to the questions that meet the conditions, by question and then by name."""
    query = standing(until=until).join(QUESTIONS).where(*where).order_by(QUESTIONS.c.seq, EVENTS.c.who)
    return [answer(row) for row in connection.execute(query).mappings()]


def answer(row: RowMapping) -> Answer:
    """A row of `events` as an answer."""
    return Answer(**{name: row[name] for name in _ANSWER} | {"order": tuple(row["order"])})


def event(row: RowMapping) -> Event:
    """A row of `events` as an event."""
    return Event(seq=row["seq"], **{name: row[name] for name in EVENT} | {"order": tuple(row["order"])})


def event_row(said: Event) -> Row:
    """An event as a row of `events`, without its place in the log."""
    told = {"order": list(said.order), "telemetry": dict(said.telemetry)}
    return dict(zip(EVENT, _OF_EVENT(said), strict=True)) | told
