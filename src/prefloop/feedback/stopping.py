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
from .records import Project
from .tables import EVENTS


@dataclass(slots=True)
class _Counted:
    """What was counted when the log had this many lines."""

    lines: int
    answers: int
    width: float


@dataclass(slots=True)
class Stopping:
    """The stop rules of the projects, with what was last counted of each.

    A line of the log adds at most one answer, so that as long as the lines since the last count cannot have reached
    the number of labels, nobody counts. The width is worked out again when the log has grown by a twentieth.
    """

    _counted: dict[str, _Counted] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def reached(self, connection: Connection, columns: Columns, project: Project, now: float) -> bool:
        """Whether nobody should get another item: enough is answered, or being answered now."""
        stop = project.stop
        if stop.labels is None and stop.width is None:
            return False
        lines = connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0))).scalar_one()
        with self._turn:
            known = self._counted.get(project.id)
        working = slots.live(connection, project.id, now)
        if known is None or self._may_have_changed(project, known, lines, working):
            log = columns.of(connection, project.id)
            known = _Counted(lines, log.answers("work").size, self._width(log, project))
            with self._turn:
                self._counted[project.id] = known
        enough = stop.labels is not None and known.answers + working >= stop.labels
        return enough or (stop.width is not None and known.width <= stop.width)

    def _may_have_changed(self, project: Project, known: _Counted, lines: int, working: int) -> bool:
        stop, grown = project.stop, lines - known.lines
        if not grown:
            return False
        if stop.labels is not None and known.answers + grown + working >= stop.labels:
            return True
        return stop.width is not None and grown >= max(20, known.answers // 20)

    def _width(self, log: Log, project: Project) -> float:
        if project.stop.width is None:
            return 1.0
        found = raw_agreement(log)
        return 1.0 if found is None else found.high - found.low


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
    return wilson(round(float((agreeing[several] / pairs[several]).sum())), items) if items else None


def _pairs(count: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(count * (count - 1) // 2)
