"""How far people agree on each axis of each kind of question, worked out anew only when the log has grown enough."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select

from ..statistics import Interval
from .removal import figures
from .shared import reliabilities, shared_items
from .store import Store
from .tables import MEMBERS

_SMALL = 20_000
_GROWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Raw agreement and alpha by kind and axis, when the log had so many `lines`, and people `members` changes.

    >>> Agreed(lines=0, members=0, by_axis={}).lines
    0
    """

    lines: int
    members: int
    by_axis: Mapping[tuple[str, str], tuple[Interval | None, Interval | None]]


@dataclass(slots=True)
class Concord:
    """What was worked out last, by project. Of a log beyond 20,000 lines the figures may lag by a twentieth.

    >>> Concord().of(Store.open("sqlite://"), "none").by_axis
    {}
    """

    _known: dict[str, Agreed] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def of(self, store: Store, project: str) -> Agreed:
        """The figures of a project."""
        lines = int(store.log(project).lines.size)
        with store.database.reading() as connection:
            newest = select(func.coalesce(func.max(MEMBERS.c.seq), 0)).where(MEMBERS.c.project == project)
            members = int(connection.execute(newest).scalar_one())
            with self._turn:
                known = self._known.get(project)
                if known is None or not _serves(known, lines, members):
                    found = figures(reliabilities(shared_items(connection, project)))
                    known = self._known[project] = Agreed(lines=lines, members=members, by_axis=found)
        return known


def _serves(known: Agreed, lines: int, members: int) -> bool:
    grown = lines - known.lines
    return members == known.members and (grown == 0 or (lines > _SMALL and 0 < grown < known.lines // _GROWN))
