"""The feedback store: an append-only log of what was asked and answered, and the training sets that are views of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, bindparam, func, select

from ..errors import DataError, PrefloopError
from ..parts import SENTENCES
from ..text import Answer, Question
from . import log
from .columns import Columns, Log
from .database import Database, insert_rows, lookup, one_at_a_time
from .growing import REFUSED, refused_in_trees
from .kinds import Asked, check_question, check_value, json_text
from .records import Event, Judgements, Note
from .rows import Where, answer_row, event, group_rows, in_order_of, question_row, read_answers, read_questions
from .schema import bring_up_to_date
from .settled import settled_answers
from .tables import EVENTS, GROUPS, NOTES, QUESTIONS, RESPONSES
from .telemetry import split_off
from .views import judgements, parts, ratings, view_of

Split = Literal["train", "held_out"]


@dataclass(frozen=True, slots=True)
class Store:
    """Questions, answers and notes in a database.

    Rows are added, never changed: SQLite enforces it with triggers; on another database, grant its user SELECT and
    INSERT only. Every call is one transaction, and what it added is on the disk when it returns.

    >>> from prefloop.text import Group, Prompt, Response
    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> with Store.open("sqlite://") as store:
    ...     store.add_questions([Question(id="q1", kind="comparison", group=group)])
    ...     store.add_answers([Answer(question="q1", who="ada", value=1, order=(0, 1), seconds=3.0, at=0.0)])
    ...     store.choices()[0].group.texts
    (' 2', ' two')
    """

    database: Database
    columns: Columns = field(default_factory=Columns, compare=False, repr=False)

    @classmethod
    def open(cls, path_or_url: str | Path, *, wait: float = 30.0) -> Store:
        """Open a store, making it where there is none, and bringing the tables of an older one up to date.

        Args:
            path_or_url: a file for SQLite, or a URL, such as postgresql://user@host/name.
            wait: seconds to wait for another writer of the same SQLite file.

        Raises:
            DataError: the file is something else, is damaged, or was written by a later prefloop.
            RunError: the file, disk or database server stands in the way.
        """
        store = cls(Database.open(path_or_url, wait=wait))
        try:
            with store.database.writing() as connection:
                bring_up_to_date(connection)
        except PrefloopError:
            store.close()
            raise
        return store

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine."""
        return self.database.engine

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_questions(self, questions: Sequence[Question]) -> None:
        """Add questions with their groups and responses. A question that is already there is left as it is.

        Raises:
            DataError: a question of this id is already there with another group, or its kind cannot ask it.
        """
        with self.database.writing() as connection:
            put_questions(connection, questions, self.database.place)

    def add_answers(self, answers: Sequence[Answer]) -> None:
        """Add answers. What a person said first of a question stands: another answer here is left out.

        `Queue.submit` revises, and takes the same submission twice.

        Raises:
            DataError: an answer to a question that is not there, of a value that its kind does not take, or whose
                `order` does not show each response once.
        """
        ids = {a.question for a in answers}
        with self.database.writing() as connection:
            one_at_a_time(connection, "answers")
            questions = asked_of(connection, ids)
            kept = [replace(a, value=checked(a, questions, self.database.place)) for a in answers]
            known = set(lookup(connection, select(EVENTS.c.question, EVENTS.c.who), EVENTS.c.question, ids))
            first = {(a.question, a.who): a for a in reversed(kept) if (a.question, a.who) not in known}
            rows = [answer_row(replace(a, revision=0), submission=uuid.uuid4().hex) for a in reversed(first.values())]
            log.append(connection, rows)

    def add_note(self, key: str, value: Any) -> None:
        """Add a note: anything JSON can hold, under a key that may be used again."""
        with self.database.writing() as connection:
            insert_rows(connection, NOTES, [{"key": key, "value": value, "at": time.time()}])

    def questions(
        self, *, split: Split | None = None, round: int | None = None, unanswered_by: str | None = None
    ) -> list[Question]:
        """The questions in the order they were added; with `unanswered_by`, those this person has not answered."""
        where = _about(split, None if round is None else (round,))
        if unanswered_by is not None:
            done = select(EVENTS.c.question).where(EVENTS.c.who == unanswered_by)
            where.append(QUESTIONS.c.id.not_in(done))
        with self.database.reading() as connection:
            return list(read_questions(connection, where).values())

    def answers(
        self,
        *,
        split: Split | None = None,
        rounds: Collection[int] | None = None,
        who: str | None = None,
        until: int | None = None,
    ) -> list[Answer]:
        """The answers, by question in the order these were added and then by name, whenever they were given.

        With `until`, a number that `last` gave, as they stood then.
        """
        where = _about(split, rounds)
        if who is not None:
            where.append(EVENTS.c.who == who)
        with self.database.reading() as connection:
            return read_answers(connection, where, until=until)

    def last(self) -> int:
        """The number of the last event of the log, 0 where there is none."""
        with self.database.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0))).scalar_one())

    def notes(self, key: str | None = None) -> list[Note]:
        """The notes, oldest first; with `key`, only those under it."""
        query = select(NOTES.c.key, NOTES.c.value, NOTES.c.at).order_by(NOTES.c.seq)
        if key is not None:
            query = query.where(NOTES.c.key == key)
        with self.database.reading() as connection:
            return [Note(**row) for row in connection.execute(query).mappings()]

    def events(
        self, *, project: str | None = None, question: str | None = None, who: str | None = None, after: int = 0
    ) -> Iterator[Event]:
        """The whole log, oldest first and in constant memory: answers, also revised ones, skips and undos."""
        query = select(EVENTS).where(EVENTS.c.seq > after).order_by(EVENTS.c.seq)
        if project is not None:
            query = query.where(in_order_of(project))
        for column, wanted in ((EVENTS.c.question, question), (EVENTS.c.who, who)):
            query = query if wanted is None else query.where(column == wanted)
        with self.database.reading() as connection:
            for row in connection.execution_options(yield_per=1_000).execute(query).mappings():
                yield event(row)

    def log(self, project: str) -> Log:
        """The log of a project as columns, for figures over all of it; after the first time, it reads what is new."""
        with self.database.following() as connection:
            return self.columns.of(connection, project)

    def view(
        self,
        name: str,
        *,
        split: Split = "train",
        rounds: Collection[int] | None = None,
        axis: str | None = None,
        blind: bool = False,
        until: int | None = None,
        about: Sequence[str] = (),
        ends: str = SENTENCES,
    ) -> Judgements:
        """A training set of `views.VIEWS`; its `left_out` counts what nothing could be learnt from, by reason.

        An adjudicated answer stands for all answers to its question, and the answers of people who were left out of a
        project (`Members.exclude`) are no part of it.

        `axis` is one of the axes of ratings; without it the label is the mean over them. `blind` leaves out answers to
        questions in which a model, or who made it, was named: the page hides the name, but may not have hidden it all.
        Answers to practice items are never part of a training set. With `until`, a number that `last` gave, it is made
        of the answers as they stood then. `about` and `ends` are the types of errors that count and where parts end, of
        `parts`.

        Raises:
            DataError: there is no such view.
        """
        views = view_of(name)
        if axis is not None:
            views = {"rating": partial(ratings, axis=axis)}
        if name == "parts":
            views = {"spans": partial(parts, about=about, ends=ends)}
        where = [*_about(split, rounds), QUESTIONS.c.kind.in_(list(views))]
        with self.database.reading() as connection:
            asked = read_questions(connection, where)
            answers = settled_answers(connection, where, until=until)
            refused = refused_in_trees(connection) if name == "demonstrations" else lambda answer: False
            accepted = [a for a in answers if not refused(a)]
            kept, left_out = split_off(connection, accepted, blind=blind)
        found = judgements(((asked[a.question], a) for a in kept), views)
        found.left_out |= left_out
        if len(accepted) < len(answers):
            found.left_out[REFUSED] = len(answers) - len(accepted)
        return found

    def choices(
        self, *, split: Split = "train", rounds: Collection[int] | None = None, until: int | None = None
    ) -> Judgements:
        """One judgement for each answer: the chosen response first, the others after it as they were."""
        return self.view("choices", split=split, rounds=rounds, until=until)

    def pairs(
        self, *, split: Split = "train", rounds: Collection[int] | None = None, until: int | None = None
    ) -> Judgements:
        """The choices as pairs: the chosen response against each of the others, with `target` from a strength."""
        return self.view("pairs", split=split, rounds=rounds, until=until)


def _about(split: Split | None, rounds: Collection[int] | None) -> Where:
    where: Where = []
    if split is not None:
        where.append(QUESTIONS.c.split == split)
    if rounds is not None:
        where.append(QUESTIONS.c.round.in_(rounds))
    return where


def asked_of(connection: Connection, questions: Collection[str]) -> dict[str, Asked]:
    """What the checks of answers read of these questions, by id; those that are not there are left out."""
    return _asked(lookup(connection, _FACTS, QUESTIONS.c.id, questions))


def asked_one(connection: Connection, question: str) -> dict[str, Asked]:
    """`asked_of` of one question."""
    return _asked(connection.execute(_FACTS_OF_ONE, {"question": question}))


_FACTS = select(
    QUESTIONS.c.id, QUESTIONS.c.kind, QUESTIONS.c.options, RESPONSES.c.place, func.length(RESPONSES.c.text)
).outerjoin(RESPONSES, RESPONSES.c.group_id == QUESTIONS.c.group_id)
_FACTS_OF_ONE = _FACTS.where(QUESTIONS.c.id == bindparam("question"))


def _asked(rows: Iterable[Any]) -> dict[str, Asked]:
    facts: dict[str, tuple[str, Any]] = {}
    lengths: dict[str, dict[int, int]] = {}
    for key, kind, options, place, length in rows:
        facts[key] = (kind, options)
        lengths.setdefault(key, {}).update({} if place is None else {place: length})
    return {
        key: Asked(id=key, kind=kind, options=options, lengths=tuple(lengths[key][p] for p in sorted(lengths[key])))
        for key, (kind, options) in facts.items()
    }


def checked(answer: Answer | Event, questions: Mapping[str, Asked], place: str) -> Any:
    """The value of an answer as it is kept.

    Raises:
        DataError: it does not fit its question.
    """
    question = questions.get(answer.question)
    if question is None:
        raise DataError(
            f"{answer.who} answered question `{answer.question}`, which is not in the feedback store ({place}). "
            "Add the question before its answers."
        )
    shown = list(range(len(question.lengths)))
    if sorted(answer.order) != shown:
        raise DataError(
            f"{answer.who} answered question `{answer.question}` shown in the order {answer.order}: "
            f"it has {len(shown)} responses, counted from 0, and `order` lists each of them once."
        )
    return check_value(answer.value, question)


def put_questions(connection: Connection, questions: Sequence[Question], place: str) -> None:
    """Insert the questions that are not there, with their groups and responses.

    Raises:
        DataError: one of them cannot be asked, or its id is there with another group.
    """
    for question in questions:
        check_question(question)
        json_text(question.options, f"the options of question `{question.id}`")
    rows = [(q, *group_rows(q.group)) for q in questions]
    one_at_a_time(connection, "questions")
    ids = {q.id for q in questions}
    stored = dict(lookup(connection, select(QUESTIONS.c.id, QUESTIONS.c.group_id), QUESTIONS.c.id, ids))
    group_of = dict(stored)
    for question, group, _ in rows:
        if group_of.setdefault(question.id, group["id"]) != group["id"]:
            raise DataError(
                f"question `{question.id}` is already in the feedback store ({place}) with other "
                "responses. Give the new question another id, or start a new run."
            )
    asked = {q.id: question_row(q, group["id"]) for q, group, _ in rows if q.id not in stored}
    groups = {group["id"]: (group, responses) for _, group, responses in rows}
    for (known,) in lookup(connection, select(GROUPS.c.id), GROUPS.c.id, groups):
        del groups[known]
    insert_rows(connection, GROUPS, [group for group, _ in groups.values()])
    insert_rows(connection, RESPONSES, [row for _, responses in groups.values() for row in responses])
    insert_rows(connection, QUESTIONS, list(asked.values()))
