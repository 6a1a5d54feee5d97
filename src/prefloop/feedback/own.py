"""What one person sees of their own work: how far they are, what they said, and an earlier item to say it anew."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection, func, select

from ..errors import DataError
from .projects import project_of
from .records import Event, Leased, Project
from .rows import event, latest, read_questions
from .store import Store
from .tables import EVENTS, ITEMS, QUESTIONS, SLOTS
from .telemetry import FINAL

ENOUGH = 5
"""Answers of their own from which the time that is left is estimated."""
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """How far somebody is: answers that stand, those of the last day, skips, median seconds, and items left for them.

    Practice is not counted.

    >>> Own(done=9, day=3, skips=0, seconds=20.0, left=30).minutes_left
    10.0
    """

    done: int
    day: int
    skips: int
    seconds: float | None
    left: int

    @property
    def minutes_left(self) -> float | None:
        """The median times the items that are left; `None` before `ENOUGH` answers."""
        return None if self.seconds is None or self.done < ENOUGH else self.seconds * self.left / 60


def own(store: Store, project: str, who: str, *, now: float) -> Own:
    """How far this person is.

    Raises:
        DataError: there is no such project.
    """
    with store.database.reading() as connection:
        found = project_of(connection, project)
        query = latest(EVENTS.c.event, EVENTS.c.seconds, EVENTS.c.at).join(ITEMS, ITEMS.c.question == EVENTS.c.question)
        mine = (EVENTS.c.project == project, EVENTS.c.who == who, ITEMS.c.purpose != "practice")
        said = connection.execute(query.where(*mine)).all()
        left = _left(connection, found, who, store.log(project).answers("work").size)
    answers = [row for row in said if row.event == "answer"]
    return Own(
        done=len(answers),
        day=sum(row.at > now - _DAY for row in answers),
        skips=sum(row.event == "skip" for row in said),
        seconds=median(row.seconds for row in answers) if answers else None,
        left=left,
    )


def earlier(store: Store, project: str, who: str, *, limit: int = 50) -> list[Event]:
    """The last answers and skips of this person that stand, the newest first."""
    query = latest(EVENTS).where(EVENTS.c.project == project, EVENTS.c.who == who, EVENTS.c.event != "undo")
    with store.database.reading() as connection:
        rows = connection.execute(query.order_by(EVENTS.c.seq.desc()).limit(limit)).mappings()
        return [event(row) for row in rows]


def again(store: Store, project: str, who: str, question: str) -> tuple[Leased, Event]:
    """An item that this person answered or skipped, to be said anew, with what they said last.

    Raises:
        DataError: they said nothing of it in this project, its answer is closed, or the project is.
    """
    query = latest(EVENTS).where(EVENTS.c.project == project, EVENTS.c.who == who, EVENTS.c.question == question)
    with store.database.reading() as connection:
        found = project_of(connection, project)
        row = connection.execute(query).mappings().first()
        if row is None or row["event"] == "undo":
            raise DataError(f"{who} said nothing of question `{question}` in project `{project}`.")
        said = event(row)
        if found.state == "closed":
            raise DataError(f"project `{project}` is closed: its answers stay as they are.")
        if said.telemetry.get(FINAL):
            raise DataError(f"the answer of {who} to question `{question}` is closed: what lay behind it was shown.")
        asked = read_questions(connection, [QUESTIONS.c.id == question])[question]
    leased = Leased(
        question=asked, order=said.order, expires=0.0, guideline=found.guideline, revision=said.revision + 1
    )
    return leased, said


def _left(connection: Connection, project: Project, who: str, answered: int) -> int:
    """The items with a place for this person, or that are theirs now; no more than the project still wants."""
    if project.state == "closed":
        return 0
    other = SLOTS.alias()
    had = select(1).where(other.c.item == SLOTS.c.item, other.c.who == who).exists()
    of_project = (SLOTS.c.project == project.id, ~SLOTS.c.gold)
    free = select(func.count(SLOTS.c.item.distinct())).where(*of_project, SLOTS.c.state == "free", ~had)
    held = select(func.count()).where(*of_project, SLOTS.c.state == "leased", SLOTS.c.who == who)
    left = sum(int(connection.execute(query).scalar_one()) for query in (free, held))
    if project.stop.labels is None:
        return left
    return min(left, max(0, project.stop.labels - answered))
