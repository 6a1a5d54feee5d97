"""What would change if one person had said nothing: seen before and after they are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..statistics import Interval
from .reliability import Reliability
from .shared import Shared, Unit, reliabilities, shared_items
from .store import Store

_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An item whose majority changes, and where: of each unit what most said before, and without the person.

    `None` stands for no majority: two were said as often, or nothing is left.

    >>> Change(place=1, question="q", units={("preferred", 0): (1, None)}).units["preferred", 0]
    (1, None)
    """

    place: int
    question: str
    units: Mapping[Unit, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The figures with, or without, somebody: answers, items with any, and by kind and axis raw agreement and alpha.

    >>> Side(answers=2, items=1, agreement={}).items
    1
    """

    answers: int
    items: int
    agreement: Mapping[tuple[str, str], tuple[Interval | None, Interval | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The effect of leaving one person out; `changes` lists the first hundred of `changed` items.

    >>> side = Side(answers=0, items=0, agreement={})
    >>> Removal(before=side, after=side, changed=0, changes=()).changed
    0
    """

    before: Side
    after: Side
    changed: int
    changes: tuple[Change, ...]


def effect_of_removing(store: Store, project: str, who: str) -> Removal:
    """What the standing answers to the work items say with this person and without; others left out are in neither.

    Somebody who is left out already has no effect any more: both sides are the same.
    """
    with store.database.reading() as connection:
        items = list(shared_items(connection, project))
    mine = [i for i in items if who in i.said]
    changes = [c for c in (_change(item, who) for item in mine) if c.units]
    answers = sum(len(i.said) for i in items)
    emptied = sum(len(i.said) == 1 for i in mine)
    return Removal(
        before=Side(answers=answers, items=len(items), agreement=figures(reliabilities(items))),
        after=Side(
            answers=answers - len(mine),
            items=len(items) - emptied,
            agreement=figures(reliabilities(items, without=who)),
        ),
        changed=len(changes),
        changes=tuple(changes[:_LISTED]),
    )


def figures(
    found: Mapping[tuple[str, str], Reliability],
) -> dict[tuple[str, str], tuple[Interval | None, Interval | None]]:
    """Raw agreement and alpha, by kind and axis; axes on which no two people said something are left out."""
    return {key: (one.raw(), one.alpha()) for key, one in sorted(found.items()) if one.patterns}


def _change(item: Shared, who: str) -> Change:
    before, after = item.majority(), item.majority(without=who)
    units = {unit: (said, after.get(unit)) for unit, said in before.items() if said != after.get(unit)}
    return Change(place=item.place, question=item.question, units=units)
