"""Questions and the log in and out of a store, some at a time, however many there are.

One record a line, as JSON: a question with its responses, then, after all questions, the events about them. What is
exported can be imported again with nothing lost, and importing it twice changes nothing. Projects, members and the
queue stay where they are; names of people go with the events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from itertools import groupby, islice
from typing import Any

from sqlalchemy import Text, cast, select

from ..errors import DataError
from ..text import Group, Message, Prompt, Question, Response
from . import log
from .database import BATCH, lookup, one_at_a_time
from .kinds import Asked
from .records import Event
from .rows import EVENT, Row, event_row, in_order_of, read_questions
from .store import Store, asked_of, checked, put_questions
from .tables import EVENTS, ITEMS, QUESTIONS

_AT_ONCE = 10 * BATCH  # records in one transaction


def add_questions(store: Store, questions: Iterable[Question]) -> int:
    """Add questions as they come; says how many came. Those that are there already are left as they are.

    Raises:
        DataError: as `Store.add_questions`; what came in earlier transactions is kept.
    """
    count, coming = 0, iter(questions)
    while some := list(islice(coming, _AT_ONCE)):
        with store.database.writing() as connection:
            put_questions(connection, some, store.database.place)
        count += len(some)
    return count


def add_events(store: Store, events: Iterable[Event]) -> int:
    """Add events as they come, with their own submissions and revisions; those that are there already are passed over.

    Raises:
        DataError: an event on a question that is not there, or with a value that its kind does not take; what came in
            earlier transactions is kept.
    """
    count, coming = 0, iter(events)
    while some := list(islice(coming, _AT_ONCE)):
        with store.database.writing() as connection:
            one_at_a_time(connection, "answers")
            ids = [e.submission for e in some]
            known = {s for (s,) in lookup(connection, select(EVENTS.c.submission), EVENTS.c.submission, ids)}
            new = {e.submission: e for e in some if e.submission not in known}
            asked = asked_of(connection, {e.question for e in new.values()})
            log.append(connection, [_row(e, asked, store.database.place) for e in new.values()])
        count += len(some)
    return count


def _row(event: Event, asked: Mapping[str, Asked], place: str) -> Row:
    if event.event == "answer" or event.value is not None:
        return event_row(event) | {"value": checked(event, asked, place)}
    if event.question not in asked:
        raise DataError(f"{event.who} spoke of question `{event.question}`, which is not in the store.")
    return event_row(event)


def questions(store: Store, *, project: str | None = None) -> Iterator[Question]:
    """The questions in the order they were added, in constant memory; those of a project alone where one is named."""
    after = 0
    query = select(QUESTIONS.c.seq).order_by(QUESTIONS.c.seq).limit(BATCH)
    if project is not None:
        query = query.join(ITEMS, ITEMS.c.question == QUESTIONS.c.id).where(ITEMS.c.project == project)
    while True:
        with store.database.reading() as connection:
            seqs = connection.execute(query.where(QUESTIONS.c.seq > after)).scalars().all()
            some = read_questions(connection, [QUESTIONS.c.seq.in_(seqs)]) if seqs else {}
        if not some:
            return
        yield from some.values()
        after = seqs[-1]


def export(store: Store, *, project: str | None = None) -> Iterator[str]:
    """The lines of a file with everything people were asked and said, in constant memory.

    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> with Store.open("sqlite://") as store, Store.open("sqlite://") as other:
    ...     store.add_questions([Question(id="q1", kind="comparison", group=group)])
    ...     load(other, export(store))
    ...     other.questions() == store.questions()
    (1, 0)
    True
    """
    for question in questions(store, project=project):
        yield _line("question", _plain(question))
    yield from _events(store, project)


def load(store: Store, lines: Iterable[str]) -> tuple[int, int]:
    """Add what `export` wrote, in constant memory, and say how many questions and events came.

    Raises:
        DataError: a line that is no such record; the message has its number.
    """
    asked = said = 0
    records = (_record(number, line) for number, line in enumerate(lines, start=1) if line.strip())
    for kind, some in groupby(records, key=type):
        if kind is Question:
            asked += add_questions(store, (r for r in some if isinstance(r, Question)))
        else:
            said += add_events(store, (r for r in some if isinstance(r, Event)))
    return asked, said


_AS_STORED = ("value", "order")
"""The columns of an event that are JSON in the database: they go into the line as they are."""


def _events(store: Store, project: str | None) -> Iterator[str]:
    plain = [EVENTS.c[name] for name in EVENT if name not in _AS_STORED]
    query = select(*plain, *(cast(EVENTS.c[name], Text).label(name) for name in _AS_STORED)).order_by(EVENTS.c.seq)
    if project is not None:
        query = query.where(in_order_of(project))
    names, count = [c.name for c in plain], len(plain)
    with store.database.reading() as connection:
        for row in connection.execute(query, execution_options={"yield_per": BATCH}):
            line = _line("event", dict(zip(names, row[:count], strict=True)))
            value, order = map(_stored, row[count:])
            yield f'{line[:-2]}, "value": {value}, "order": {order}}}\n'


def _stored(text: str | None) -> str:
    """JSON as it is in the database, but legible: SQLAlchemy escapes what is not ASCII."""
    if text is None:
        return "null"
    return json.dumps(json.loads(text), ensure_ascii=False) if "\\u" in text else text


def _line(record: str, values: dict[str, Any]) -> str:
    return _ENCODE({"record": record, **values}) + "\n"


_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def _plain(value: Any) -> Any:
    """Records as what JSON has; `dataclasses.asdict` copies every token."""
    if isinstance(value, tuple):
        return [_plain(v) for v in value] if value and is_dataclass(value[0]) else value
    return {name: _plain(getattr(value, name)) for name in _names(value.__class__)} if is_dataclass(value) else value


@lru_cache
def _names(kind: Any) -> tuple[str, ...]:
    # no store holds a comparison of prompts: every answer there is one to its group's prompt
    return tuple(f.name for f in fields(kind) if f.name != "asked")


def _record(number: int, line: str) -> Question | Event:
    try:
        values = json.loads(line)
        record = values.pop("record")
        return question_of(values) if record == "question" else event_of(values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"line {number} is no question or event as prefloop exports them ({type(error).__name__}: {error}): "
            f"{line!r:.80}"
        ) from error


def question_of(values: Mapping[str, Any]) -> Question:
    """A question from its fields as JSON holds them."""
    group = values["group"]
    prompt = Prompt(text=group["prompt"]["text"], messages=tuple(Message(**m) for m in group["prompt"]["messages"]))
    responses = tuple(
        Response(**{**r, **{name: tuple(r[name]) for name in ("ids", "mask", "logp")}}) for r in group["responses"]
    )
    whole = Group(prompt=prompt, prompt_ids=tuple(group["prompt_ids"]), responses=responses)
    return Question(**{**values, "group": whole})


def event_of(values: Mapping[str, Any]) -> Event:
    """An event from its fields as JSON holds them."""
    if not values.get("submission"):
        raise ValueError("it has no `submission`")
    return Event(**{**values, "seq": 0, "order": tuple(values["order"])})
