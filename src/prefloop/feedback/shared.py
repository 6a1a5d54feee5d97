"""What several people said of the same items: how far they agree, and on which items they do not."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from .facets import facets, scale_of
from .reliability import Reliability
from .settled import said_of_items
from .tables import EVENTS, ITEMS, QUESTIONS

Unit = tuple[str, int]
"""An axis, and which of the things on it: a response, or a pair of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """One item with what each person said of it.

    >>> one = Shared(place=1, question="q", kind="choice", options={}, responses=2, said={"ada": 0, "ben": 1})
    >>> one.units(), one.disagreement, one.majority()
    ({('preferred', 0): {'ada': 0, 'ben': 1}}, 1.0, {('preferred', 0): None})
    """

    place: int
    question: str
    kind: str
    options: Mapping[str, Any]
    responses: int
    said: Mapping[str, Any] = field(default_factory=dict)

    def units(self) -> dict[Unit, dict[str, Any]]:
        """Of each thing that can be compared, who said what."""
        found: defaultdict[Unit, dict[str, Any]] = defaultdict(dict)
        for who, value in self.said.items():
            for axis, unit, part in facets(self.kind, self.options, value, responses=self.responses):
                found[axis, unit][who] = part
        return dict(found)

    @property
    def disagreement(self) -> float:
        """Share of pairs of people who said something else, averaged over what can be compared; 0 for one person."""
        apart = [1 - _same(said.values()) for said in self.units().values() if len(said) > 1]
        return sum(apart) / len(apart) if apart else 0.0

    def majority(self, *, without: str | None = None) -> dict[Unit, Any]:
        """What most people said of each thing that can be compared; `None` where two were said as often."""
        left = {u: [v for w, v in said.items() if w != without] for u, said in self.units().items()}
        return {unit: _most(values) for unit, values in left.items() if values}


def shared_items(connection: Connection, project: str, *, places: Collection[int] | None = None) -> Iterator[Shared]:
    """The work items with the answers that stand, in order and in constant memory; people left out are no part.

    With `places`, those items alone.
    """
    columns = (ITEMS.c.seq.label("place"), EVENTS.c.question, QUESTIONS.c.kind, QUESTIONS.c.options)
    query = said_of_items(project, *columns, EVENTS.c.who, EVENTS.c.value, EVENTS.c.order)
    if places is not None:
        query = query.where(ITEMS.c.seq.in_(places))
    rows = connection.execute(query, execution_options={"yield_per": 1_000})
    for place, some in groupby(rows, key=lambda row: row.place):
        said = list(some)
        first = said[0]
        yield Shared(
            place=place,
            question=first.question,
            kind=first.kind,
            options=first.options,
            responses=len(first.order),
            said={row.who: row.value for row in said},
        )


def reliabilities(items: Iterable[Shared], *, without: str | None = None) -> dict[tuple[str, str], Reliability]:
    """How far people agree, for each kind and axis; with `without`, as if this person had said nothing."""
    found: dict[tuple[str, str], Reliability] = {}
    for item in items:
        by_axis: defaultdict[str, list[list[Any]]] = defaultdict(list)
        for (axis, _), said in item.units().items():
            by_axis[axis].append([value for who, value in said.items() if who != without])
        for axis, units in by_axis.items():
            found.setdefault((item.kind, axis), Reliability(scale_of(item.kind))).add(units)
    return found


def _same(values: Iterable[Any]) -> float:
    counts = Counter(values)
    return sum(math.comb(n, 2) for n in counts.values()) / math.comb(counts.total(), 2)


def _most(values: Iterable[Any]) -> Any:
    (best, count), *rest = Counter(values).most_common(2)
    return None if rest and rest[0][1] == count else best
