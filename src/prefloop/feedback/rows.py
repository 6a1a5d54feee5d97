"""Records as rows of the feedback store's tables, and rows as records."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from ..text import Answer, Group, Message, Prompt, Question, Response
from .records import Judgement
from .tables import ANSWERS, GROUPS, QUESTIONS, RESPONSES

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
    }


def answer_row(answer: Answer) -> Row:
    """An answer as a row of `answers`."""
    return asdict(answer) | {"order": list(answer.order)}


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
        )
        for row in connection.execute(asked).mappings()
    }


def read_answers(connection: Connection, where: Where) -> list[Answer]:
    """The answers to the questions that meet the conditions, by question and then by name."""
    query = select(ANSWERS).join(QUESTIONS).where(*where).order_by(QUESTIONS.c.seq, ANSWERS.c.who)
    return [Answer(**{**row, "order": tuple(row["order"])}) for row in connection.execute(query).mappings()]


def judgement(question: Question, answer: Answer) -> Judgement:
    """The answer as training data: the chosen response first and labelled 1, the others after it as they were, 0."""
    responses = question.group.responses
    chosen_first = (responses[answer.value], *responses[: answer.value], *responses[answer.value + 1 :])
    labels = (1.0, *(0.0 for _ in chosen_first[1:]))
    group = replace(question.group, responses=chosen_first, labels=labels)
    return Judgement(question=question.id, who=answer.who, round=question.round, group=group)
