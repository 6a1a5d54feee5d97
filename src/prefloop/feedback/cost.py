"""What a project has cost, and what the rest of it will take: hours, money and days."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ..statistics import Interval
from .columns import Log
from .records import Price, Project
from .tables import SLOTS

_HOUR = 3_600.0
_DAY = 86_400.0
_Z = 1.96


def spent(log: Log, project: Project) -> float:
    """What the work so far has cost, also that on gold items: by the standing answer, or by the hour without idle time.

    Time is paid whatever it led to: skips and answers that were revised count as well.
    """
    if project.price is None:
        return 0.0
    worked = log.answers().size if project.price.per == "answer" else float(log.lines["seconds"].sum()) / _HOUR
    return project.price.amount * worked


def still_wanted(connection: Connection, project: Project, answers: int) -> int:
    """Answers to work items that are still to come: the places that are free or leased, up to the stop rule's number.

    `answers` are those that stand. Items that were retired after skips want none.
    """
    places = (SLOTS.c.project == project.id, SLOTS.c.state.in_(("free", "leased")), ~SLOTS.c.gold)
    wanted = int(connection.execute(select(func.count()).select_from(SLOTS).where(*places)).scalar_one())
    return wanted if project.stop.labels is None else max(0, min(wanted, project.stop.labels - answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is still to come.

    hours: of people's time, at the median answer's, with its interval. long: the same at the mean answer's, which slow
    answers raise. money, and its `long`: at the project's price, `None` without one. days: until it is done at the pace
    given, `None` where nobody works now.

    >>> Forecast(wanted=0, hours=None, long=None, money=None, money_long=None, days=None).wanted
    0
    """

    wanted: int
    hours: Interval | None
    long: float | None
    money: Interval | None
    money_long: float | None
    days: float | None


def forecast(
    seconds: Sequence[float], *, wanted: int, gold_share: float = 0.0, price: Price | None = None, pace: float = 0.0
) -> Forecast:
    """What so many answers more will take, from how long answers took; `pace` is answers a day.

        hours = wanted / (1 - gold_share) * median(seconds) / 3600

    The interval is that of the median: the order statistics n/2 +- 1.96 sqrt(n)/2 (Conover 1999, section 3.2), which
    exist from 6 answers on; it says nothing of whether the people or the items will change. A price for each answer
    makes the money exact.

    >>> hour = forecast([30.0, 36.0, 36.0, 40.0, 50.0, 60.0, 36.0], wanted=100, price=Price(amount=15, per="hour"))
    >>> round(hour.hours.estimate, 2), round(hour.money.estimate, 2)
    (1.0, 15.0)
    """
    paid = wanted / (1 - gold_share)
    days = wanted / pace if pace else None
    per_answer = price.amount * paid if price is not None and price.per == "answer" else None
    exact = None if per_answer is None else _scaled(_certain, per_answer)
    if not seconds:
        return Forecast(wanted=wanted, hours=None, long=None, money=exact, money_long=per_answer, days=days)
    hours = _scaled(_median(sorted(seconds)), paid / _HOUR)
    long = paid * sum(seconds) / len(seconds) / _HOUR
    by_hour = price.amount if price is not None and price.per == "hour" else None
    return Forecast(
        wanted=wanted,
        hours=hours,
        long=long,
        money=exact if by_hour is None else _scaled(hours, by_hour),
        money_long=per_answer if by_hour is None else long * by_hour,
        days=days,
    )


_certain = Interval(estimate=1.0, low=1.0, high=1.0, n=1, method="exact")


def _median(ordered: Sequence[float]) -> Interval:
    n = len(ordered)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    half = _Z * math.sqrt(n) / 2
    first, last = math.floor(n / 2 - half), math.ceil(n / 2 + half)
    low = ordered[first] if first >= 0 else 0.0
    high = ordered[last] if last < n else math.inf
    return Interval(estimate=middle, low=low, high=high, n=n, method="order statistics")


def _scaled(one: Interval, by: float) -> Interval:
    ends = [x * by if by else 0.0 for x in (one.estimate, one.low, one.high)]
    return Interval(estimate=ends[0], low=ends[1], high=ends[2], n=one.n, method=one.method)
