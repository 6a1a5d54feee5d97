"""Records as rows of the feedback store's tables, and rows as records."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, exists, select

from ..text import Answer, Group, Message, Prompt, Question, Response
from .records import Event
from .tables import EVENTS, GROUPS, QUESTIONS, RESPONSES

Row = dict[str, Any]
Where = list[ColumnElement[bool]]


def group_rows(group: Group) -> tuple[Row, list[Row]]:
    """A group as one row of `groups` and its rows of `responses`, under an id that is a hash of all they hold."""
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
    row = {f.name: getattr(answer, f.name) for f in fields(answer)}
    return row | {
        "order": list(answer.order),
        "event": "answer",
        "submission": submission,
        "project": project,
        "reason": "",
    }


def read_questions(connection: Connection, where: Where) -> dict[str, Question]:
    """The questions that meet the conditions, by id, in the order they were added."""
    responses: defaultdict[str, list[Response]] = defaultdict(list)
    wanted = select(QUESTIONS.c.group_id).where(*where)
    query = select(RESPONSES).where(RESPONSES.c.group_id.in_(wanted)).order_by(RESPONSES.c.group_id, RESPONSES.c.place)
    for row in connection.execute(query).mappings():
        responses[row["group_id"]].append(_response(row))
    asked = select(QUESTIONS, GROUPS.c.prompt, GROUPS.c.prompt_ids).join(GROUPS).where(*where).order_by(QUESTIONS.c.seq)
    return {
        row["id"]: Question(
            id=row["id"],
            kind=row["kind"],
            group=Group(
                prompt=_prompt(row["prompt"]),
                prompt_ids=tuple(row["prompt_ids"]),
                responses=tuple(responses[row["group_id"]]),
            ),
            why=row["why"],
            round=row["round"],
            split=row["split"],
            options=row["options"],
            parent=row["parent"],
        )
        for row in connection.execute(asked).mappings()
    }


def latest(*columns: Any, until: int | None = None) -> Select[Any]:
    """The last event of each person on each question; with `until`, as the log was after the event of that number."""
    later = EVENTS.alias()
    same = and_(later.c.question == EVENTS.c.question, later.c.who == EVENTS.c.who)
    overruled = exists().where(same, later.c.revision > EVENTS.c.revision)
    if until is None:
        return select(*columns).select_from(EVENTS).where(~overruled)
    return select(*columns).select_from(EVENTS).where(~overruled.where(later.c.seq <= until), EVENTS.c.seq <= until)


def standing(*, until: int | None = None) -> Select[Any]:
    """The events that stand: the last thing each person did with each question, where that was to answer it."""
    return latest(EVENTS, until=until).where(EVENTS.c.event == "answer")


def read_answers(connection: Connection, where: Where, *, until: int | None = None) -> list[Answer]:
    """The standing answers to the questions that meet the conditions, by question and then by name."""
    query = standing(until=until).join(QUESTIONS).where(*where).order_by(QUESTIONS.c.seq, EVENTS.c.who)
    return [answer(row) for row in connection.execute(query).mappings()]


def answer(row: RowMapping) -> Answer:
    """A row of `events` as an answer."""
    return Answer(**{f.name: row[f.name] for f in fields(Answer)} | {"order": tuple(row["order"])})


def event(row: RowMapping) -> Event:
    """A row of `events` as an event."""
    return Event(**{f.name: row[f.name] for f in fields(Event)} | {"order": tuple(row["order"])})


def event_row(said: Event) -> Row:
    """An event as a row of `events`, without its place in the log."""
    return {f.name: getattr(said, f.name) for f in fields(said) if f.name != "seq"} | {"order": list(said.order)}
