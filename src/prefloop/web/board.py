"""The figures of the board: worked out from the log, so that no two of them can differ."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..feedback.columns import PURPOSE
from ..feedback.queue import Queue
from ..feedback.stopping import raw_agreement
from ..feedback.store import Store
from ..statistics import Interval, wilson

FAST = 0.25
"""An answer faster than this share of the project's median is a speeder's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the answers of a person, or of all, show; `None` where they show nothing.

    `left` is how often the first place was preferred, which is 1/K without such a habit; `longer` how often the
    longest answer was, where lengths differ; `ties` counts ties and "both bad".

    >>> Habits(answers=1, seconds=2.0, gold=None, left=None, longer=None, ties=None, fast=None).answers
    1
    """

    answers: int
    seconds: float | None
    gold: Interval | None
    left: Interval | None
    longer: Interval | None
    ties: Interval | None
    fast: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The figures of a project.

    >>> Board(all=None, people={}, agreement=None, hour=0, day=0).hour
    0
    """

    all: Habits | None
    people: Mapping[str, Habits]
    agreement: Interval | None
    hour: int
    day: int


def board(store: Store, queue: Queue, project: str, *, now: float | None = None) -> Board:
    """The figures as they stand."""
    now = time.time() if now is None else now
    log = store.log(project)
    said = log.answers()
    usual = float(np.median(said["seconds"])) if said.size else 0.0
    by_person = {who: said[said["who"] == n] for n, who in enumerate(log.people)}
    return Board(
        all=_habits(said, usual) if said.size else None,
        people={who: _habits(mine, usual) for who, mine in sorted(by_person.items()) if mine.size},
        agreement=raw_agreement(log),
        hour=int((said["at"] > now - 3_600).sum()),
        day=int((said["at"] > now - 86_400).sum()),
    )


def _habits(said: np.ndarray[Any, Any], usual: float) -> Habits:
    return Habits(
        answers=said.size,
        seconds=float(np.median(said["seconds"])),
        gold=_share(said["right"][said["purpose"] == PURPOSE.index("gold")]),
        left=_share(said["left"]),
        longer=_share(said["longer"]),
        ties=_share(said["tie"]),
        fast=_share(said["seconds"] < FAST * usual),
    )


def _share(hits: np.ndarray[Any, Any]) -> Interval | None:
    """How often it is 1, where it is not -1."""
    shown = hits[hits >= 0]
    return wilson(int(shown.sum()), shown.size) if shown.size else None
