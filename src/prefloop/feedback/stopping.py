"""When a project has enough answers, found out without counting them for everybody who asks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from ..statistics import Interval, wilson
from . import slots
from .columns import Columns, Log
from .cost import spent
from .records import Project, Stop
from .tables import EVENTS


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

    def reached(self, connection: Connection, columns: Columns, project: Project, now: float) -> bool:
        """Whether nobody should get another item: enough is answered, or being answered now."""
        stop = project.stop
        if stop == Stop():
            return False
        lines = connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0))).scalar_one()
        with self._turn:
            known = self._counted.get(project.id)
        working = slots.live(connection, project.id, now)
        if known is None or self._may_have_changed(project, known, lines, working):
            log = columns.of(connection, project.id)
            known = _Counted(lines, log.answers("work").size, self._width(log, project), spent(log, project))
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

    def _width(self, log: Log, project: Project) -> float:
        if project.stop.width is None:
            return 1.0
        found = raw_agreement(log)
        return 1.0 if found is None else found.high - found.low


def _affords(project: Project, money: float, more: int) -> bool:
    """Whether so many answers more can be paid; by the hour nobody knows what they will cost."""
    price, limit = project.price, project.stop.money
    if price is None or limit is None:
        return True
    return money + price.amount * more <= limit * (1 + 1e-9) if price.per == "answer" else money < limit


def raw_agreement(log: Log) -> Interval | None:
    """How often two people who answered the same work item agree, over the items with two answers or more.

    Answers agree that prefer the same, whatever the strength, or that are equal. Wilson's interval over items, each
    counting as one trial with its share of agreeing pairs; `None` where no item has two answers.
    """
    said = log.answers("work")
    item = np.unique(said["item"], return_inverse=True)[1]
    pairs = _pairs(np.bincount(item))
    verdicts, verdict = np.unique(said["verdict"], return_inverse=True)
    each, same = np.unique(item * max(1, verdicts.size) + verdict, return_counts=True)
    agreeing = np.bincount(each // max(1, verdicts.size), weights=_pairs(same), minlength=pairs.size)
    several = pairs > 0
    items = int(several.sum())
    share = float((agreeing[several] / pairs[several]).sum())
    return wilson(min(share, items), items) if items else None


def _pairs(count: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(count * (count - 1) // 2)
