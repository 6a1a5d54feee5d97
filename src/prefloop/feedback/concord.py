"""How far people agree, and on which items they do not: worked out anew only when the log has grown enough."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select

from ..statistics import Interval
from .columns import TURNED
from .removal import figures
from .shared import Shared, reliabilities, shared_items
from .store import Store
from .tables import MEMBERS, NOTES

_SMALL = 20_000
_GROWN = 20
_Ranked = tuple[float, int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """Raw agreement and alpha by kind and axis, and the places of the items that disagree with their questions.

    The worst comes first. The log had so many `lines` then, and `members` and `turned` stand for changes of people and
    of what items are for.

    >>> Agreed(lines=0, members=0, turned=0, by_axis={}, apart=()).lines
    0
    """

    lines: int
    members: int
    turned: int
    by_axis: Mapping[tuple[str, str], tuple[Interval | None, Interval | None]]
    apart: tuple[tuple[int, str], ...]


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
            of_people = select(func.coalesce(func.max(MEMBERS.c.seq), 0)).where(MEMBERS.c.project == project)
            of_items = select(func.coalesce(func.max(NOTES.c.seq), 0)).where(NOTES.c.key == TURNED)
            members, turned = (int(connection.execute(query).scalar_one()) for query in (of_people, of_items))
            with self._turn:
                known = self._known.get(project)
                if known is None or not _serves(known, lines, members, turned):
                    ranked: list[_Ranked] = []
                    found = figures(reliabilities(_noting(ranked, shared_items(connection, project))))
                    apart = tuple((place, question) for _, _, place, question in sorted(ranked))
                    known = Agreed(lines=lines, members=members, turned=turned, by_axis=found, apart=apart)
                    self._known[project] = known
        return known


def _noting(ranked: list[_Ranked], items: Iterable[Shared]) -> Iterator[Shared]:
    """The items as they pass, with a note of those that disagree."""
    for item in items:
        if item.disagreement > 0:
            ranked.append((-item.disagreement, -len(item.said), item.place, item.question))
        yield item


def _serves(known: Agreed, lines: int, members: int, turned: int) -> bool:
    grown = lines - known.lines
    return (members, turned) == (known.members, known.turned) and (
        grown == 0 or (lines > _SMALL and 0 < grown < known.lines // _GROWN)
    )
