"""How far a project is: every number worked out from the events, so that no two of them can differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Select, func, select

from .columns import EVENT, PURPOSE
from .projects import project_of
from .store import Store
from .tables import ITEMS, SLOTS


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
        open_ = () if found.tree is None else connection.execute(_open(project)).all()
    log = store.log(project)
    size = (len(log.people), len(PURPOSE), len(EVENT))
    number = np.zeros(size, int)
    np.add.at(number, (log.standing["who"], log.standing["purpose"], log.standing["event"]), 1)
    each = np.unique(log.answers("work")["item"], return_counts=True)[1]
    people = {who: _share(number[n]) for n, who in enumerate(log.people)}
    answers = sum(p.answers for p in people.values())
    return Progress(
        items=count,
        wanted=count * found.overlap if found.tree is None else answers + sum(row.n for row in open_),
        answers=answers,
        finished=int((each >= found.overlap).sum()) if found.tree is None else count - len(open_),
        skips=sum(p.skips for p in people.values()),
        people=dict(sorted(people.items())),
    )


def _open(project: str) -> Select[Any]:
    """The items that somebody has or may have, with how many places."""
    query = select(SLOTS.c.item, func.count().label("n")).where(SLOTS.c.project == project)
    return query.where(SLOTS.c.state.in_(("free", "leased"))).group_by(SLOTS.c.item)


def _share(number: np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> Share:
    """From how many events of each kind stand on items of each purpose."""
    work, gold = number[PURPOSE.index("work")], number[PURPOSE.index("gold")]
    answer, skip = EVENT.index("answer"), EVENT.index("skip")
    return Share(answers=int(work[answer]), gold=int(gold[answer]), skips=int(work[skip] + gold[skip]))
