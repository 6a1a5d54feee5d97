"""The feedback store: an append-only log of what was asked and answered, and the training sets that are views of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, Column, Connection, Engine, Select, Table, create_engine, func, insert, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from ..errors import DataError, PrefloopError, RunError
from ..text import Answer, Question
from . import sqlite
from .records import Judgement, Note
from .rows import Row, Where, answer_row, group_rows, judgement, question_row, read_answers, read_questions
from .tables import ANSWERS, GROUPS, METADATA, NOTES, QUESTIONS, RESPONSES

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

    engine: Engine

    @classmethod
    def open(cls, path_or_url: str | Path, *, wait: float = 30.0) -> Store:
        """Open a store, making it where there is none.

        Args:
            path_or_url: a file for SQLite, or any SQLAlchemy URL.
            wait: seconds to wait for another writer of the same SQLite file.

        Raises:
            DataError: the file is something else or is damaged.
            RunError: the file, disk or database server stands in the way.
        """
        store = cls(_engine(path_or_url, wait))
        try:
            with store._writing() as connection:
                METADATA.create_all(connection)
                if connection.dialect.name == "sqlite":
                    sqlite.make_append_only(connection, METADATA)
        except PrefloopError:
            store.close()
            raise
        return store

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
            DataError: a question of this id is already there with another group.
        """
        rows = [(q, *group_rows(q.group)) for q in questions]
        with self._writing() as connection:
            ids = {q.id for q in questions}
            stored = dict(_lookup(connection, select(QUESTIONS.c.id, QUESTIONS.c.group_id), QUESTIONS.c.id, ids))
            group_of = dict(stored)
            for question, group, _ in rows:
                if group_of.setdefault(question.id, group["id"]) != group["id"]:
                    raise DataError(
                        f"question `{question.id}` is already in the feedback store ({self._place}) with other "
                        "responses. Give the new question another id, or start a new run."
                    )
            asked = {q.id: question_row(q, group["id"]) for q, group, _ in rows if q.id not in stored}
            groups = {group["id"]: (group, responses) for _, group, responses in rows}
            for (known,) in _lookup(connection, select(GROUPS.c.id), GROUPS.c.id, groups):
                del groups[known]
            _insert(connection, GROUPS, [group for group, _ in groups.values()])
            _insert(connection, RESPONSES, [row for _, responses in groups.values() for row in responses])
            _insert(connection, QUESTIONS, list(asked.values()))

    def add_answers(self, answers: Sequence[Answer]) -> None:
        """Add answers. The first answer of a person to a question stands: another one is left out.

        Raises:
            DataError: an answer to a question that is not there, to a response that is not in it, or whose `order`
                does not show each response once.
        """
        asked = {a.question for a in answers}
        with self._writing() as connection:
            self._check(answers, _sizes(connection, asked))
            known = set(_lookup(connection, select(ANSWERS.c.question, ANSWERS.c.who), ANSWERS.c.question, asked))
            first = {(a.question, a.who): a for a in reversed(answers) if (a.question, a.who) not in known}
            _insert(connection, ANSWERS, [answer_row(a) for a in reversed(first.values())])

    def add_note(self, key: str, value: Any) -> None:
        """Add a note: anything JSON can hold, under a key that may be used again."""
        with self._writing() as connection:
            _insert(connection, NOTES, [{"key": key, "value": value, "at": time.time()}])

    def questions(
        self, *, split: Split | None = None, round: int | None = None, unanswered_by: str | None = None
    ) -> list[Question]:
        """The questions in the order they were added; with `unanswered_by`, those this person has not answered."""
        where = _about(split, None if round is None else (round,))
        if unanswered_by is not None:
            done = select(ANSWERS.c.question).where(ANSWERS.c.who == unanswered_by)
            where.append(QUESTIONS.c.id.not_in(done))
        with self._reading() as connection:
            return list(read_questions(connection, where).values())

    def answers(
        self, *, split: Split | None = None, rounds: Collection[int] | None = None, who: str | None = None
    ) -> list[Answer]:
        """The answers, by question in the order these were added and then by name, whenever they were given."""
        where = _about(split, rounds)
        if who is not None:
            where.append(ANSWERS.c.who == who)
        with self._reading() as connection:
            return read_answers(connection, where)

    def notes(self, key: str | None = None) -> list[Note]:
        """The notes, oldest first; with `key`, only those under it."""
        query = select(NOTES.c.key, NOTES.c.value, NOTES.c.at).order_by(NOTES.c.seq)
        if key is not None:
            query = query.where(NOTES.c.key == key)
        with self._reading() as connection:
            return [Note(**row) for row in connection.execute(query).mappings()]

    def choices(self, *, split: Split = "train", rounds: Collection[int] | None = None) -> list[Judgement]:
        """One judgement for each answer: the chosen response first, the others after it as they were."""
        where = _about(split, rounds)
        with self._reading() as connection:
            asked = read_questions(connection, where)
            return [judgement(asked[a.question], a) for a in read_answers(connection, where)]

    def pairs(self, *, split: Split = "train", rounds: Collection[int] | None = None) -> list[Judgement]:
        """The choices as pairs: the chosen response against each of the others."""
        return [
            replace(choice, group=replace(choice.group, responses=(chosen, other), labels=(1.0, 0.0)))
            for choice in self.choices(split=split, rounds=rounds)
            for chosen, *others in (choice.group.responses,)
            for other in others
        ]

    def _check(self, answers: Iterable[Answer], sizes: dict[str, int]) -> None:
        for a in answers:
            if a.question not in sizes:
                raise DataError(
                    f"{a.who} answered question `{a.question}`, which is not in the feedback store ({self._place}). "
                    "Add the question before its answers."
                )
            shown = list(range(sizes[a.question]))
            if a.value not in shown or sorted(a.order) != shown:
                raise DataError(
                    f"{a.who} answered question `{a.question}` with response {a.value} shown in the order {a.order}: "
                    f"it has {len(shown)} responses, counted from 0, and `order` lists each of them once."
                )

    @property
    def _place(self) -> str:
        return self.engine.url.database or str(self.engine.url)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self.engine.execution_options(writes=True).begin() as connection:
                yield connection
        except DBAPIError as error:
            raise sqlite.explain(error, self._place) from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise sqlite.explain(error, self._place) from error


def _engine(path_or_url: str | Path, wait: float) -> Engine:
    is_url = isinstance(path_or_url, str) and "://" in path_or_url
    try:
        url = make_url(str(path_or_url)) if is_url else URL.create("sqlite", database=str(path_or_url))
        engine = create_engine(url)
    except (ArgumentError, ImportError) as error:
        raise RunError(
            f"the feedback store cannot be opened: {error} ({_without_password(str(path_or_url))}). Give the path of a "
            "file, or a URL that SQLAlchemy knows with its driver installed."
        ) from error
    if engine.dialect.name == "sqlite":
        sqlite.tune(engine, wait)
    return engine


def _without_password(url: str) -> str:
    return url.rpartition("@")[2]


def _about(split: Split | None, rounds: Collection[int] | None) -> Where:
    where: Where = []
    if split is not None:
        where.append(QUESTIONS.c.split == split)
    if rounds is not None:
        where.append(QUESTIONS.c.round.in_(rounds))
    return where


def _sizes(connection: Connection, asked: Collection[str]) -> dict[str, int]:
    query = (
        select(QUESTIONS.c.id, func.count())
        .join(RESPONSES, RESPONSES.c.group_id == QUESTIONS.c.group_id)
        .group_by(QUESTIONS.c.id)
    )
    return dict(_lookup(connection, query, QUESTIONS.c.id, asked))


def _lookup(
    connection: Connection, query: Select[Any], key: Column[str], wanted: Iterable[str]
) -> Iterator[tuple[Any, ...]]:
    """The rows whose `key` is among those wanted, 500 at a time because databases bound a list's length."""
    rest = iter(list(wanted))
    while some := list(islice(rest, 500)):
        yield from map(tuple, connection.execute(query.where(key.in_(some))))


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)
