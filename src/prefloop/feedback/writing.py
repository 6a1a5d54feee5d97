"""What was read from a file into the store, some at a time; what does not fit what is there is a problem of its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sqlalchemy import Connection, select

from ..errors import DataError
from ..text import Answer, Question
from .database import BATCH, lookup
from .formats.converter import content
from .kinds import Asked
from .projects import Projects
from .queue import Queue
from .reading import Converted
from .records import Event, Item, Project
from .rows import read_questions
from .store import Store, asked_of, checked
from .streams import add_events, add_questions
from .tables import EVENTS, ITEMS, QUESTIONS


class Writer:
    """Writes what rows hold; `questions` and `events` count what was new.

    `problem` is told what cannot be written: a question of an id that the store has with other content, one of another
    project or of a kind that the project does not ask, an event on a question that is not there.
    """

    def __init__(self, store: Store, *, project: str | None, by: str, problem: Callable[[str], None]) -> None:
        """Nothing is written yet."""
        self.store, self.project, self.by, self.problem = store, project, by, problem
        self.questions = self.events = 0
        self._rows: list[Converted] = []
        self._held = 0
        self._made = False

    def add(self, row: Converted) -> None:
        """Write what a row holds, sooner or later."""
        self._rows.append(row)
        self._held += len(row.questions) + len(row.events)
        if self._held >= 4 * BATCH:
            self._flush()

    def close(self) -> None:
        """Write the rest. In a project, people are not asked again what the answers that came say."""
        self._flush()
        if self.project is not None and self.events:
            Queue(self.store).rebuild(self.project)

    def _flush(self) -> None:
        rows, self._rows, self._held = self._rows, [], 0
        asked: dict[str, tuple[str, Question]] = {}
        for row in rows:
            for question in row.questions:
                asked.setdefault(question.id, (row.place, question))
        refused = self._put(asked)
        said = {e.submission: (row.place, e) for row in rows for e in row.events if e.question not in refused}
        if said:
            new = [event for _, event in self._fitting(said)]
            add_events(self.store, new)
            self.events += len(new)

    def _put(self, asked: dict[str, tuple[str, Question]]) -> set[str]:
        """Add the questions that are new, and say which were refused."""
        if not asked:
            return set()
        project = self._project({q.kind for _, q in asked.values()})
        with self.store.database.reading() as connection:
            known = _known(connection, list(asked))
            items = dict(lookup(connection, select(ITEMS.c.question, ITEMS.c.project), ITEMS.c.question, asked))
        refused = set()
        for key, (place, question) in asked.items():
            wrong = _wrong(question, known.get(key), items.get(key), project)
            if wrong:
                self.problem(f"{place}: {wrong}")
                refused.add(key)
        fitting = [known.get(key, q) for key, (_, q) in asked.items() if key not in refused]
        if project is None:
            add_questions(self.store, [q for q in fitting if q.id not in known])
        else:
            Queue(self.store).add_items(project.id, (Item(question=q) for q in fitting))
        self.questions += sum(q.id not in known for q in fitting)
        return refused

    def _project(self, kinds: set[str]) -> Project | None:
        """The project, made with these kinds where there is none, and with more as they come."""
        if self.project is None:
            return None
        projects = Projects(self.store)
        known = {p.id: p for p in projects.all()}.get(self.project)
        if known is None:
            made = Project(id=self.project, title=self.project, kinds=tuple(sorted(kinds)))
            self._made = True
            return projects.create(made, by=self.by)
        if self._made and not kinds <= set(known.kinds):
            return projects.change(replace(known, kinds=tuple(sorted({*known.kinds, *kinds}))), by=self.by)
        return known

    def _fitting(self, said: dict[str, tuple[str, Event]]) -> Iterator[tuple[str, Event]]:
        """The events that are new and fit their questions, under revisions that are free."""
        questions = {e.question for _, e in said.values()}
        with self.store.database.reading() as connection:
            there = set(lookup(connection, select(EVENTS.c.submission), EVENTS.c.submission, said))
            asked = asked_of(connection, questions)
            columns = select(EVENTS.c.question, EVENTS.c.who, EVENTS.c.revision)
            taken = set(lookup(connection, columns, EVENTS.c.question, questions))
        for submission, (place, event) in said.items():
            if (submission,) in there:
                continue
            try:
                _fits(event, asked, self.store)
            except DataError as error:
                self.problem(f"{place}: {error}")
                continue
            while (event.question, event.who, event.revision) in taken:
                event = replace(event, revision=event.revision + 1)
            taken.add((event.question, event.who, event.revision))
            yield place, event


def _known(connection: Connection, ids: list[str]) -> dict[str, Question]:
    found: dict[str, Question] = {}
    for first in range(0, len(ids), BATCH):
        found |= read_questions(connection, [QUESTIONS.c.id.in_(ids[first : first + BATCH])])
    return found


def _wrong(question: Question, known: Question | None, item: str | None, project: Project | None) -> str:
    """Why a question cannot be added; empty where it can."""
    if known is not None and content(known) != content(question):
        return (
            f"question `{question.id}` is in the store already with another prompt, other responses or options: "
            "take its id out of the row."
        )
    if project is None:
        return ""
    if item not in (None, project.id):
        return f"question `{question.id}` is in project `{item}` already: import the file into that one."
    if question.kind not in project.kinds:
        asks = ", ".join(project.kinds)
        return f"it is a {question.kind}, and project `{project.id}` asks {asks}: name a kind, or another project."
    return ""


def _fits(event: Event, asked: dict[str, Asked], store: Store) -> None:
    if event.question not in asked:
        raise DataError(f"{event.who} spoke of question `{event.question}`, which is not in the store.")
    if event.event == "answer":
        said = Answer(
            question=event.question, who=event.who, value=event.value, order=event.order, seconds=0.0, at=event.at
        )
        checked(said, asked, store.database.place)
