"""The figures of the board: worked out from the log, so that no two of them can differ."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from ..feedback.kinds import preferred
from ..feedback.practice import same_answer
from ..feedback.queue import Queue
from ..feedback.records import Event, Item
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
    items = {item.question.id: item for item in _items(queue, project)}
    standing: dict[tuple[str, str], Event] = {}
    for event in store.events(project=project):
        standing[event.question, event.who] = event
    said = [e for e in standing.values() if e.event == "answer" and e.question in items]
    said = [e for e in said if items[e.question].purpose != "practice"]
    usual = median(e.seconds for e in said) if said else 0.0
    by: defaultdict[str, list[Event]] = defaultdict(list)
    for event in said:
        by[event.who].append(event)
    with store.database.reading() as connection:
        agreement = raw_agreement(connection, project)
    return Board(
        all=_habits(said, items, usual) if said else None,
        people={who: _habits(events, items, usual) for who, events in sorted(by.items())},
        agreement=agreement,
        hour=sum(e.at > now - 3_600 for e in said),
        day=sum(e.at > now - 86_400 for e in said),
    )


def _items(queue: Queue, project: str) -> Iterable[Item]:
    after = 0
    while some := queue.items(project, after=after, limit=500):
        yield from (item for _, item in some)
        after = some[-1][0]


def _habits(said: list[Event], items: Mapping[str, Item], usual: float) -> Habits:
    gold = [same_answer(e.value, items[e.question].expected) for e in said if items[e.question].purpose == "gold"]
    judged = [e for e in said if items[e.question].question.kind in ("comparison", "choice")]
    picked = [(e, best) for e in judged if (best := preferred(e.value)) is not None]
    lengths = [([len(t) for t in items[e.question].question.group.texts], best) for e, best in picked]
    longer = [sizes[best] == max(sizes) for sizes, best in lengths if len(set(sizes)) > 1]
    return Habits(
        answers=len(said),
        seconds=median(e.seconds for e in said),
        gold=_share(gold),
        left=_share([e.order[0] == best for e, best in picked]),
        longer=_share(longer),
        ties=_share([preferred(e.value) is None for e in judged]),
        fast=_share([e.seconds < FAST * usual for e in said]),
    )


def _share(hits: list[bool]) -> Interval | None:
    return wilson(sum(hits), len(hits)) if hits else None
