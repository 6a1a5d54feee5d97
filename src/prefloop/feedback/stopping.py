"""When a project has enough answers, found out without counting them for everybody who asks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from math import comb

from sqlalchemy import Connection, func, select

from ..statistics import Interval, wilson
from . import slots
from .cost import spent
from .kinds import json_text, preferred
from .records import Project, Stop
from .rows import Where, standing
from .tables import EVENTS, ITEMS


@dataclass(slots=True)
class _Counted:
    """What was counted when the log had this many lines."""

    lines: int
    answers: int
    width: float
    money: float


@dataclass(slots=True)
class Stopping:
    """The stop rules of the projects, with what was last counted of each.

    A line of the log adds at most one answer, so that as long as the lines since the last count cannot have reached
    the number of labels, or the money at a price for each answer, nobody counts. The width, and the money at a price
    for the hour, are worked out again when the log has grown by a twentieth.
    """

    _counted: dict[str, _Counted] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def reached(self, connection: Connection, project: Project, now: float) -> bool:
        """Whether nobody should get another item: enough is answered, or being answered now."""
        stop = project.stop
        if stop == Stop():
            return False
        lines = connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0))).scalar_one()
        with self._turn:
            known = self._counted.get(project.id)
        working = slots.live(connection, project.id, now)
        if known is None or self._may_have_changed(project, known, lines, working):
            known = _Counted(
                lines,
                answered(connection, project.id),
                self._width(connection, project),
                spent(connection, project) if stop.money is not None else 0.0,
            )
            with self._turn:
                self._counted[project.id] = known
        enough = stop.labels is not None and known.answers + working >= stop.labels
        enough = enough or (stop.money is not None and not _affords(project, known.money, working + 1))
        return enough or (stop.width is not None and known.width <= stop.width)

    def _may_have_changed(self, project: Project, known: _Counted, lines: int, working: int) -> bool:
        stop, grown = project.stop, lines - known.lines
        if not grown:
            return False
        if stop.labels is not None and known.answers + grown + working >= stop.labels:
            return True
        if stop.money is not None and not _affords(project, known.money, grown + working + 1):
            return True
        by_time = project.price is not None and project.price.per == "hour" and stop.money is not None
        return (stop.width is not None or by_time) and grown >= max(20, known.answers // 20)

    def _width(self, connection: Connection, project: Project) -> float:
        if project.stop.width is None:
            return 1.0
        found = raw_agreement(connection, project.id)
        return 1.0 if found is None else found.high - found.low


def _affords(project: Project, money: float, more: int) -> bool:
    """Whether so many answers more can be paid; by the hour nobody knows what they will cost."""
    price, limit = project.price, project.stop.money
    if price is None or limit is None:
        return True
    return money + price.amount * more <= limit * (1 + 1e-9) if price.per == "answer" else money < limit


def answered(connection: Connection, project: str) -> int:
    """The standing answers to the work items of a project."""
    query = standing().join(ITEMS, ITEMS.c.question == EVENTS.c.question).where(*_work(project)).subquery()
    return connection.execute(select(func.count()).select_from(query)).scalar_one()


def raw_agreement(connection: Connection, project: str) -> Interval | None:
    """How often two people who answered the same work item agree, over the items with two answers or more.

    Answers agree that prefer the same, whatever the strength, or that are equal. Wilson's interval over items, each
    counting as one trial with its share of agreeing pairs; `None` where no item has two answers.
    """
    items, share = 0, 0.0
    for said in _by_item(connection, project):
        if len(said) > 1:
            items += 1
            share += sum(comb(n, 2) for n in Counter(said).values()) / comb(len(said), 2)
    return wilson(round(share), items) if items else None


def _by_item(connection: Connection, project: str) -> Iterator[list[str]]:
    """The verdicts on each work item, item by item, in constant memory."""
    query = standing().join(ITEMS, ITEMS.c.question == EVENTS.c.question).where(*_work(project))
    rows = connection.execute(query.order_by(EVENTS.c.question), execution_options={"yield_per": 1_000}).mappings()
    for _, said in groupby(rows, key=lambda row: row["question"]):
        yield [json_text(_verdict(row["value"]), "a verdict") for row in said]


def _verdict(value: object) -> object:
    best = preferred(value)
    return value if best is None else best


def _work(project: str) -> Where:
    return [EVENTS.c.project == project, ITEMS.c.purpose == "work"]
