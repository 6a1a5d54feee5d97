"""Asking people on the labelling page: a round's questions become items of a project, and the round waits by a rule."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy import func, select

from ..text import Question
from . import slots
from .progress import progress
from .projects import project_of
from .queue import Queue
from .records import Event, Item
from .sources import Record
from .store import Store
from .streams import add_events
from .tables import QUESTIONS
from .waiting import Wait

_BEHIND = 1_000  # events read again: on a server, one with a lower number may become visible later


class Coming(NamedTuple):
    """How far the labels of a project are: those wanted of its items so far, and those that are there.

    >>> Coming(asked=10, come=4).come
    4
    """

    asked: int
    come: int


@dataclass(slots=True, kw_only=True)
class Browser:
    """People on a page. `ask` puts the questions and returns when `wait` says so; what comes later is kept as well.

    The answers of the page are events of its own store. Where that is not the run's, `fetch` copies them over, each
    once, under the submission id that the page gave it.

    >>> from prefloop.feedback.projects import Projects
    >>> from prefloop.feedback.records import Project
    >>> with Store.open("sqlite://") as store:
    ...     _ = Projects(store).create(Project(id="tone", title="Tone", kinds=("choice",)), by="lee")
    ...     people = Browser(store=store, page=store, project="tone", wait=Wait())
    ...     people.ask([], print), people.coming()
    (None, Coming(asked=0, come=0))
    """

    store: Store
    page: Store
    project: str
    wait: Wait
    say: Callable[[str], None] = lambda text: None
    poll: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _fetched: int = field(default=0, init=False)

    def ask(self, questions: Sequence[Question], record: Record) -> None:
        """Put the questions, and wait; `record` is told of every answer that comes meanwhile."""
        Queue(self.page).add_items(self.project, (Item(question=self._as_there(q)) for q in questions))
        number, seen = self._round(), 0
        known = {(a.question, a.who) for a in self.store.answers()}
        began = told = self.clock()
        while True:
            asked, come = coming = self.coming()
            self.fetch()  # after they were counted: of what was counted nothing is missing then
            if come != seen:
                seen = come
                for answer in self.store.answers():
                    if (answer.question, answer.who) not in known:
                        known.add((answer.question, answer.who))
                        record([answer])
            usable = len(self.store.choices(rounds=range(1, number + 1))) if come else 0
            waited = (self.clock() - began) / 60
            if self.wait.over(asked=asked, come=come, usable=usable, round=number, minutes=waited):
                break
            if self.wait.minutes is not None and (self.clock() - told) / 60 >= self.wait.minutes:
                told = self.clock()
                self.say(_still(coming, usable, self.wait.least * number, waited))
            self.sleep(self.poll)
        if come < asked:
            self.say(f"round {number} learns with {come} of {asked} labels there; the others are kept for a later fit.")

    def coming(self) -> Coming:
        """How far the labels are: an item that was skipped away, and all of a closed project, is waited for no more."""
        come = progress(self.page, self.project).answers
        with self.page.database.reading() as connection:
            closed = project_of(connection, self.project).state == "closed"
            return Coming(asked=come + (0 if closed else slots.unanswered(connection, self.project)), come=come)

    def fetch(self) -> None:
        """Copy what was said on the page into the run's store; what is there already stays as it is."""
        if self.page is not self.store:
            add_events(self.store, self._said())

    def _said(self) -> Iterator[Event]:
        with self.store.database.reading() as connection:
            ours = set(connection.execute(select(QUESTIONS.c.id)).scalars())
        for event in self.page.events(project=self.project, after=max(0, self._fetched - _BEHIND)):
            self._fetched = max(self._fetched, event.seq)
            question = event.question.removeprefix(f"{self.project}-")
            if question in ours:  # a gold item that the lead put there is none of the run's
                yield replace(event, question=question)

    def _as_there(self, question: Question) -> Question:
        """The question as the page has it: in a store that others use too, its id must not be theirs."""
        return question if self.page is self.store else replace(question, id=f"{self.project}-{question.id}")

    def _round(self) -> int:
        with self.store.database.reading() as connection:
            return connection.execute(select(func.max(QUESTIONS.c.round))).scalar() or 0


def _still(coming: Coming, usable: int, least: int, minutes: float) -> str:
    nobody = "nobody has answered yet" if not coming.come else f"{coming.come} of {coming.asked} labels have come"
    return f"after {minutes:.0f} minutes {nobody}, and it takes {least} to learn from ({usable} are there): waiting on."
