"""One order from many: Tideman's ranked pairs."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import permutations
from typing import TypeVar

T = TypeVar("T", bound=Hashable)
Tiers = Sequence[Collection[T]]
"""An order with ties: the best first, equals together."""


def margins(rankings: Iterable[Tiers[T]]) -> dict[tuple[T, T], int]:
    """How many more ranked the first above the second than the other way round, for every pair somebody ranked.

    m(a, b) = |{r: a above b in r}| - |{r: b above a in r}|. Who left one of them out, or put them level, adds nothing.

    >>> margins([[["a"], ["b"]], [["a"], ["b", "c"]]])[("a", "b")]
    2
    """
    found: dict[tuple[T, T], int] = {}
    for ranking in rankings:
        place = {one: rank for rank, tier in enumerate(ranking) for one in tier}
        for a, b in permutations(place, 2):
            found[a, b] = found.get((a, b), 0) + (place[a] < place[b]) - (place[a] > place[b])
    return found


def ranked_pairs(rankings: Iterable[Tiers[T]], candidates: Sequence[T] | None = None) -> list[list[T]]:
    """The order by ranked pairs (Tideman 1987, Social Choice and Welfare 4:185-206): best first, equals together.

    Pairs (a, b) with m(a, b) > 0 are locked from the greatest margin to the smallest, unless the pairs locked before
    put b above a. Pairs of one margin are looked at together, and those that would close a circle with each other are
    all left out, so that no order of the candidates decides. Then those that no locked pair puts another above come
    first, again and again; of several, those with the greatest sum of margins, and equal sums stand level.

    `candidates` has all of them, where some may be in no ranking; these get no margin, and stand by their sum, 0.

    >>> ranked_pairs([[["a"], ["b"], ["c"]], [["b"], ["c"], ["a"]], [["a"], ["b"], ["c"]]])
    [['a'], ['b'], ['c']]
    >>> ranked_pairs([[["a"], ["b"], ["c"]], [["b"], ["c"], ["a"]], [["c"], ["a"], ["b"]]])
    [['a', 'b', 'c']]
    """
    listed = [[list(tier) for tier in ranking] for ranking in rankings]
    named = [*(candidates or ()), *(one for ranking in listed for tier in ranking for one in tier)]
    everyone = list(dict.fromkeys(named))
    margin = margins(listed)
    below = _locked(everyone, margin)
    total = {a: sum(margin.get((a, b), 0) for b in everyone) for a in everyone}
    tiers: list[list[T]] = []
    left = list(everyone)
    while left:
        free = [a for a in left if not any(a in below[b] for b in left)]
        most = max(total[a] for a in free)
        tiers.append([a for a in free if total[a] == most])
        left = [a for a in left if a not in tiers[-1]]
    return tiers


def _locked(everyone: Sequence[T], margin: Mapping[tuple[T, T], int]) -> dict[T, set[T]]:
    """For each candidate those that a locked pair puts right below it."""
    below: dict[T, set[T]] = {a: set() for a in everyone}
    for size in sorted({m for m in margin.values() if m > 0}, reverse=True):
        equal = [pair for pair, m in margin.items() if m == size]
        open_ = [(a, b) for a, b in equal if not _reaches(below, b, a)]
        tried = {a: set(under) for a, under in below.items()}
        for a, b in open_:
            tried[a].add(b)
        for a, b in open_:
            if not _reaches(tried, b, a):
                below[a].add(b)
    return below


def _reaches(below: Mapping[T, set[T]], start: T, goal: T) -> bool:
    """Whether a chain of pairs leads down from one to the other."""
    seen, waiting = {start}, [start]
    while waiting:
        for one in below[waiting.pop()] - seen:
            seen.add(one)
            waiting.append(one)
    return goal in seen
