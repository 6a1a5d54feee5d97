"""The figures of the board: worked out from the log, so that no two of them can differ."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ..feedback.columns import PURPOSE
from ..feedback.cost import Forecast, forecast, spent, still_wanted
from ..feedback.records import Project
from ..feedback.stopping import raw_agreement
from ..feedback.store import Store
from ..statistics import Interval, wilson

FAST = 0.25
"""An answer faster than this share of the project's median is a speeder's."""
HOURS = 24
DAYS = 30
_HOUR, _DAY = 3_600.0, 86_400.0
_SOON = 600.0  # a pace is not told from less than ten minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the answers of a person, of a day, or of all show; `None` where they show nothing.

    `left` is how often the first place was preferred, `longer` how often the longest answer was, where lengths differ;
    `chance` is what both would be without any such habit, the mean of 1 / K. `ties` counts ties and "both bad".

    >>> Habits(answers=1, seconds=2.0, gold=None, left=None, longer=None, ties=None, fast=None, chance=None).answers
    1
    """

    answers: int
    seconds: float | None
    gold: Interval | None
    left: Interval | None
    longer: Interval | None
    ties: Interval | None
    fast: Interval | None
    chance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The figures of a project.

    `hours` has the answers of each of the last `HOURS` hours, the oldest first; `days` the habits of each of the last
    `DAYS` days on which somebody answered, by date in UTC.

    >>> Board(all=None, people={}, agreement=None, hour=0, day=0, hours=(), days={}, spent=0.0, rest=None).hour
    0
    """

    all: Habits | None
    people: Mapping[str, Habits]
    agreement: Interval | None
    hour: int
    day: int
    hours: tuple[int, ...]
    days: Mapping[str, Habits]
    spent: float
    rest: Forecast | None


def board(store: Store, project: Project, *, now: float | None = None) -> Board:
    """The figures as they stand."""
    now = time.time() if now is None else now
    log = store.log(project.id)
    said = log.answers()
    usual = float(np.median(said["seconds"])) if said.size else 0.0
    by_person = {who: said[said["who"] == n] for n, who in enumerate(log.people)}
    hours = _hours(said, now)
    return Board(
        all=_habits(said, usual) if said.size else None,
        people={who: _habits(mine, usual) for who, mine in sorted(by_person.items()) if mine.size},
        agreement=raw_agreement(log),
        hour=hours[-1],
        day=sum(hours),
        hours=hours,
        days=_days(said, usual),
        spent=spent(log, project),
        rest=_rest(store, project, log.answers("work"), now),
    )


def warnings(board: Board) -> Iterator[str]:
    """What a lead should look at, in words: an interval of 95 % that leaves out what is expected.

    Of twenty people without a habit, one is named here by chance.
    """
    for who, habits in (("", board.all), *board.people.items()):
        if habits is None or habits.chance is None:
            continue
        for what, share in (("the left answer", habits.left), ("the longer answer", habits.longer)):
            if share is not None and not share.low <= habits.chance <= share.high:
                more = "more" if share.estimate > habits.chance else "less"
                yield (
                    f"{who or 'All together'} picked {what} {percent(share)}, {more} often than the "
                    f"{100 * habits.chance:.0f} % that chance would give."
                )
    everybody = board.all.gold if board.all else None
    for who, habits in board.people.items():
        if everybody and habits.gold and habits.gold.high < everybody.estimate:
            yield f"{who} got {percent(habits.gold)} of the gold items right, and all together {percent(everybody)}."


def percent(share: Interval) -> str:
    """A share in words.

    >>> percent(wilson(81, 263))
    '31 % (26 to 37 %)'
    """
    return f"{100 * share.estimate:.0f} % ({100 * share.low:.0f} to {100 * share.high:.0f} %)"


def _habits(said: np.ndarray[Any, Any], usual: float) -> Habits:
    picked = said["shown"][said["left"] >= 0]
    return Habits(
        answers=said.size,
        seconds=float(np.median(said["seconds"])),
        gold=_share(said["right"][said["purpose"] == PURPOSE.index("gold")]),
        left=_share(said["left"]),
        longer=_share(said["longer"]),
        ties=_share(said["tie"]),
        fast=_share(said["seconds"] < FAST * usual),
        chance=float((1 / picked).mean()) if picked.size else None,
    )


def _share(hits: np.ndarray[Any, Any]) -> Interval | None:
    """How often it is 1, where it is not -1."""
    shown = hits[hits >= 0]
    return wilson(int(shown.sum()), shown.size) if shown.size else None


def _hours(said: np.ndarray[Any, Any], now: float) -> tuple[int, ...]:
    ago = ((now - said["at"]) // _HOUR).astype(int)
    counts = np.bincount(ago[(ago >= 0) & (ago < HOURS)], minlength=HOURS)
    return tuple(int(n) for n in counts[::-1])


def _days(said: np.ndarray[Any, Any], usual: float) -> dict[str, Habits]:
    day = (said["at"] // _DAY).astype(int)
    last = np.unique(day)[-DAYS:]
    return {f"{datetime.fromtimestamp(n * _DAY, UTC):%Y-%m-%d}": _habits(said[day == n], usual) for n in last}


def _rest(store: Store, project: Project, work: np.ndarray[Any, Any], now: float) -> Forecast:
    with store.database.reading() as connection:
        wanted = still_wanted(connection, project, work.size)
    recent = work[work["at"] > now - _DAY]
    pace = 0.0
    if recent.size:
        since = max(_SOON, min(_DAY, now - float(work["at"].min())))
        pace = recent.size / since * _DAY
    seconds = work["seconds"].tolist()
    return forecast(seconds, wanted=wanted, gold_share=project.gold_share, price=project.price, pace=pace)
