"""How far a project is: every number worked out from the events, so that no two of them can differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from .projects import project_of
from .rows import latest, standing
from .store import Store
from .tables import EVENTS, ITEMS, SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one person has done in a project, as it stands.

    >>> Share(answers=3).gold
    0
    """

    answers: int = 0
    gold: int = 0
    skips: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A project's work items, the answers wanted of them, those that stand, and the items with enough of them.

    `answers` can exceed `wanted` by those that came after their lease had expired. Of conversation trees, `wanted` are
    the answers there are and those that are open now: more follow from these. `people` has gold answers beside.

    >>> Progress(items=2, wanted=4, answers=1, finished=0, skips=0, people={}).wanted
    4
    """

    items: int
    wanted: int
    answers: int
    finished: int
    skips: int
    people: Mapping[str, Share]


def progress(store: Store, project: str) -> Progress:
    """How far a project is.

    Raises:
        DataError: there is no such project.
    """
    with store.database.reading() as connection:
        found = project_of(connection, project)
        items = select(func.count()).where(ITEMS.c.project == project, ITEMS.c.purpose == "work")
        count = connection.execute(items).scalar_one()
        by = (EVENTS.c.who, ITEMS.c.purpose, EVENTS.c.event)
        said = latest(*by, func.count().label("n")).join(ITEMS, ITEMS.c.question == EVENTS.c.question)
        rows = connection.execute(said.where(EVENTS.c.project == project).group_by(*by)).all()
        work = standing().join(ITEMS, ITEMS.c.question == EVENTS.c.question)
        work = work.where(EVENTS.c.project == project, ITEMS.c.purpose == "work")
        enough = work.with_only_columns(EVENTS.c.question).group_by(EVENTS.c.question)
        enough = enough.having(func.count() >= found.overlap)
        finished = connection.execute(select(func.count()).select_from(enough.subquery())).scalar_one()
        open_ = () if found.tree is None else connection.execute(_open(project)).all()
    if found.tree is not None:
        finished = count - len(open_)
    number = {(row.who, row.purpose, row.event): row.n for row in rows}
    people = {
        who: Share(
            answers=number.get((who, "work", "answer"), 0),
            gold=number.get((who, "gold", "answer"), 0),
            skips=sum(number.get((who, purpose, "skip"), 0) for purpose in ("work", "gold")),
        )
        for who in sorted({row.who for row in rows})
    }
    answers = sum(p.answers for p in people.values())
    return Progress(
        items=count,
        wanted=count * found.overlap if found.tree is None else answers + sum(row.n for row in open_),
        answers=answers,
        finished=finished,
        skips=sum(p.skips for p in people.values()),
        people=people,
    )


def _open(project: str) -> Select[Any]:
    """The items that somebody has or may have, with how many places."""
    query = select(SLOTS.c.item, func.count().label("n")).where(SLOTS.c.project == project)
    return query.where(SLOTS.c.state.in_(("free", "leased"))).group_by(SLOTS.c.item)
