"""Where people disagree, and what a reviewer or a lead says the answer is: an event of its own, above the others."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from ..errors import DataError
from . import log
from .concord import Concord
from .database import lookup, one_at_a_time
from .kinds import check_value, plain
from .projects import project_of
from .records import Event
from .rows import ADJUDICATION, event, next_revision
from .settled import adjudicated
from .shared import Shared, shared_items
from .store import Store, asked_of
from .tables import EVENTS, ITEMS


@dataclass(frozen=True, slots=True)
class Adjudications:
    """The items of the projects of a store that people disagree on, and what was said to settle them.

    >>> Adjudications(Store.open("sqlite://")).open("none")
    []
    """

    store: Store
    clock: Callable[[], float] = time.time
    concord: Concord = field(default_factory=Concord, compare=False, repr=False)

    def open(self, project: str, *, limit: int = 50) -> list[Shared]:
        """The items whose answers disagree and that nobody has adjudicated, worst first, then as they were added."""
        places = self._places(project)[:limit]
        with self.store.database.reading() as connection:
            found = {item.place: item for item in shared_items(connection, project, places=places)}
        return [found[place] for place in places if place in found]

    def count(self, project: str) -> int:
        """How many items are open."""
        return len(self._places(project))

    def _places(self, project: str) -> list[int]:
        apart = self.concord.of(self.store, project).apart
        settled = {event.question for event in self.standing(project)}
        return [place for place, question in apart if question not in settled]

    def standing(self, project: str) -> list[Event]:
        """The adjudications that stand, newest first."""
        with self.store.database.reading() as connection:
            return _standing(connection, project)

    def places(self, project: str, questions: list[str]) -> dict[str, int]:
        """The places of these questions in a project."""
        query = select(ITEMS.c.question, ITEMS.c.seq).where(ITEMS.c.project == project)
        with self.store.database.reading() as connection:
            return dict(lookup(connection, query, ITEMS.c.question, questions))

    def adjudicate(self, project: str, question: str, value: Any, *, who: str, reason: str = "") -> None:
        """Say what the answer to a question is, or, with `None`, that what was said so no longer stands.

        The event has the next revision of this person on this question, so that it overwrites nothing; their own
        answer, if they gave one, stays one answer among the others.

        Raises:
            DataError: the question is not in the project, the value is not what its kind takes, or there is nothing
                to take back.
        """
        with self.store.database.writing() as connection:
            found = project_of(connection, project)
            one_at_a_time(connection, "person", project, who)
            asked = asked_of(connection, [_own(connection, project, question)])[question]
            if value is not None:
                value = check_value(value, asked)
            elif question not in {e.question for e in _standing(connection, project)}:
                raise DataError(f"nobody has adjudicated question `{question}`: there is nothing to take back.")
            row = {
                "submission": uuid.uuid4().hex,
                "event": ADJUDICATION,
                "project": project,
                "question": question,
                "who": who,
                "revision": connection.scalar(select(next_revision(question, who))),
                "value": value,
                "order": list(range(len(asked.lengths))),
                "seconds": 0.0,
                "at": self.clock(),
                "guideline": found.guideline,
                "reason": plain(reason, "the reason"),
                "telemetry": {},
            }
            log.append(connection, [row])


def _standing(connection: Connection, project: str) -> list[Event]:
    query = select(EVENTS).where(EVENTS.c.project == project, adjudicated()).order_by(EVENTS.c.seq.desc())
    return [event(row) for row in connection.execute(query).mappings()]


def _own(connection: Connection, project: str, question: str) -> str:
    here = select(ITEMS.c.seq).where(ITEMS.c.project == project, ITEMS.c.question == question)
    if connection.execute(here).first() is None:
        raise DataError(f"question `{question}` is not in project `{project}`.")
    return question
