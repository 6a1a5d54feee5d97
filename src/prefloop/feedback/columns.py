"""The log of a project as a table of numbers in memory, kept up to date: figures over a million answers in a moment.

It holds what people answered, skipped and took back, and nothing else. A look at it reads the lines that came since the
one before; after an erasure, which changes lines, or after an item got another purpose, everything is read again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, get_args

import numpy as np
from sqlalchemy import Connection, Text, cast, func, select

from . import log as the_log
from .database import BATCH, lookup
from .kinds import json_text, preferred, same_answer
from .records import Purpose
from .rows import ADJUDICATION, in_order_of
from .tables import ERASURES, EVENTS, ITEMS, NOTES, QUESTIONS, RESPONSES

EVENT = ("answer", "skip", "undo")
PURPOSE: tuple[Purpose, ...] = get_args(Purpose)
PICKED = ("comparison", "choice")
"""The kinds that are answered by picking a response."""

LINE = np.dtype(
    [
        ("item", "i8"),  # its place, `tables.ITEMS.seq`
        ("who", "i4"),  # index into `people`
        ("revision", "i4"),
        ("event", "i1"),  # index into EVENT
        ("purpose", "i1"),  # of the item, index into PURPOSE
        ("seconds", "f8"),
        ("at", "f8"),
        ("guideline", "i4"),
        ("shown", "i2"),  # how many responses were shown
        ("verdict", "i8"),  # equal for answers that agree: a hash of what was preferred, or of the whole value
        ("left", "i1"),  # whether the response shown first was picked; -1 where the answer does not show it
        ("longer", "i1"),  # whether the longest was; -1 also where all are of one length
        ("tie", "i1"),  # whether nothing was preferred; -1 where nothing is to be picked
        ("right", "i1"),  # whether it is what a gold or practice item expects; -1 where nothing is expected
    ]
)
"""One line of the log. A hash is this process's own: it means nothing in another."""
_PAGE = 20 * BATCH
TURNED = "item turned"
"""The key of the notes that say who turned which item, when, from what and to what."""


@dataclass(frozen=True)
class Log:
    """The lines of a project's log about its items, `LINE` each, in the order of the log, and who said them.

    >>> Log(lines=np.zeros(0, LINE), people=()).answers().size
    0
    """

    lines: np.ndarray[Any, Any]
    people: tuple[str, ...]

    @cached_property
    def standing(self) -> np.ndarray[Any, Any]:
        """The last line of each person on each item, by item."""
        order = np.lexsort((self.lines["revision"], self.lines["who"], self.lines["item"]))
        item, who = self.lines["item"][order], self.lines["who"][order]
        last = np.ones(len(order), bool)
        last[:-1] = (item[1:] != item[:-1]) | (who[1:] != who[:-1])
        return np.asarray(self.lines[order[last]])

    def answers(self, purpose: Purpose | None = None) -> np.ndarray[Any, Any]:
        """The answers that stand, by item; those to items of one purpose alone where it is named."""
        kept = self.standing["event"] == EVENT.index("answer")
        if purpose is not None:
            kept &= self.standing["purpose"] == PURPOSE.index(purpose)
        return np.asarray(self.standing[kept])


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a log, and up to where."""

    log: Log
    last: int = 0
    items: int = 0
    changes: tuple[int, int] = (0, 0)  # the last erasure, and the last turn of an item
    strays: bool = False  # lines about questions that were no items yet


@dataclass(slots=True)
class Columns:
    """The logs of the projects of a store, as far as they have been read."""

    _read: dict[str, _Read] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def of(self, connection: Connection, project: str) -> Log:
        """The log of a project as it is now. On PostgreSQL the transaction must be one that reads what is committed."""
        with self._turn:
            known = self._read.get(project) or _Read(Log(np.zeros(0, LINE), ()))
            turned = select(func.coalesce(func.max(NOTES.c.seq), 0)).where(NOTES.c.key == TURNED)
            changes = (
                connection.execute(select(func.coalesce(func.max(ERASURES.c.seq), 0))).scalar_one(),
                connection.execute(turned).scalar_one(),
            )
            items = connection.execute(select(func.coalesce(func.max(ITEMS.c.seq), 0))).scalar_one()
            if changes != known.changes or (known.strays and items != known.items):
                known = _Read(Log(np.zeros(0, LINE), ()))
            last = the_log.end(connection)
            if last > known.last:
                new, people, strays = _lines(connection, project, known.last, last, known.log.people)
                log = Log(np.concatenate([known.log.lines, *new]), people) if new else known.log
                known = _Read(log, last, items, changes, known.strays or strays)
                self._read[project] = known
            return known.log


def _lines(
    connection: Connection, project: str, after: int, last: int, people: Sequence[str]
) -> tuple[list[np.ndarray[Any, Any]], tuple[str, ...], bool]:
    """The lines after one and up to another, the people with those who are new, and whether some are about no item."""
    number = {who: n for n, who in enumerate(people)}
    read, strays = [], False
    for rows in _pages(connection, project, after, last):
        facts = _facts(connection, {row.item for row in rows if row.item is not None})
        strays = strays or any(row.item is None for row in rows)
        lines = [_line(row, facts[row.item], number) for row in rows if row.item is not None]
        if lines:
            read.append(np.array(lines, LINE))
    return read, tuple(number), strays


def _pages(connection: Connection, project: str, after: int, last: int) -> Iterator[Sequence[Any]]:
    query = (
        select(
            EVENTS.c.seq,
            ITEMS.c.seq.label("item"),
            EVENTS.c.who,
            EVENTS.c.revision,
            EVENTS.c.event,
            EVENTS.c.seconds,
            EVENTS.c.at,
            EVENTS.c.guideline,
            cast(EVENTS.c.value, Text).label("value"),
            cast(EVENTS.c.order, Text).label("shown"),
        )
        .outerjoin(ITEMS, (ITEMS.c.question == EVENTS.c.question) & (ITEMS.c.project == project))
        .where(in_order_of(project), EVENTS.c.seq <= last, EVENTS.c.event != ADJUDICATION)
        .order_by(EVENTS.c.seq)
        .limit(_PAGE)
    )
    while rows := connection.execute(query.where(EVENTS.c.seq > after)).all():
        yield rows
        after = rows[-1].seq


@dataclass(frozen=True, slots=True)
class _Fact:
    """What the figures need of an item; `longest` has the responses that are, none where all are of one length."""

    purpose: int
    picked: bool
    expected: Any
    longest: frozenset[int]


def _facts(connection: Connection, items: set[int]) -> dict[int, _Fact]:
    query = (
        select(
            ITEMS.c.seq,
            ITEMS.c.purpose,
            ITEMS.c.expected,
            QUESTIONS.c.kind,
            RESPONSES.c.place,
            func.length(RESPONSES.c.text),
        )
        .join(QUESTIONS, QUESTIONS.c.id == ITEMS.c.question)
        .outerjoin(RESPONSES, RESPONSES.c.group_id == QUESTIONS.c.group_id)
    )
    about: dict[int, tuple[str, Any, str]] = {}
    lengths: dict[int, dict[int, int]] = {}
    for item, purpose, expected, kind, place, length in lookup(connection, query, ITEMS.c.seq, items):
        about[item] = (purpose, expected, kind)
        lengths.setdefault(item, {}).update({} if place is None else {place: length})
    return {
        item: _Fact(PURPOSE.index(purpose), kind in PICKED, expected, _longest(lengths[item]))
        for item, (purpose, expected, kind) in about.items()
    }


def _longest(lengths: Mapping[int, int]) -> frozenset[int]:
    most = max(lengths.values(), default=0)
    found = frozenset(place for place, length in lengths.items() if length == most)
    return found if len(found) < len(lengths) else frozenset()


def _line(row: Any, item: _Fact, number: dict[str, int]) -> tuple[Any, ...]:
    who = number.setdefault(row.who, len(number))
    shown = _order(row.shown)
    what = (row.item, who, row.revision, EVENT.index(row.event), item.purpose)
    begun = (*what, row.seconds, row.at, row.guideline, len(shown))
    if row.event != "answer":
        return (*begun, 0, -1, -1, -1, -1)
    verdict, best = _verdict(row.value)
    right = -1 if item.expected is None else same_answer(json.loads(row.value), item.expected)
    if not item.picked:
        return (*begun, verdict, -1, -1, -1, right)
    left = -1 if best is None else shown[0] == best
    longer = -1 if best is None or not item.longest else best in item.longest
    return (*begun, verdict, left, longer, best is None, right)


@lru_cache(10_000)
def _verdict(value: str) -> tuple[int, int | None]:
    """What those who agree have in common, and which response was preferred."""
    read = json.loads(value)
    best = preferred(read)
    return hash(json_text(read if best is None else best, "a verdict")), best


@lru_cache(10_000)
def _order(shown: str) -> tuple[int, ...]:
    return tuple(json.loads(shown))
