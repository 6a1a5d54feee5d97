"""Krippendorff's alpha with an interval: agreement beyond what chance would give, for any number of people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from ..statistics import Interval, wilson
from .facets import Scale

Units = tuple[tuple[Any, ...], ...]
"""What people said of each unit of one question; who said it does not matter."""
_DRAWS = 1_000


@dataclass(slots=True)
class Reliability:
    """Collects what people said, question by question; questions with the same answers are kept once, with a count.

    >>> found = Reliability()
    >>> for said in [(1, 1), (1, 1), (0, 0), (0, 1)]:
    ...     found.add([said])
    >>> print(found.raw()), round(found.alpha().estimate, 3)
    0.75 [0.30, 0.95]
    (None, 0.533)
    """

    scale: Scale = "nominal"
    patterns: Counter[Units] = field(default_factory=Counter)

    def add(self, units: Iterable[Sequence[Any]]) -> None:
        """One question: for each of its units, the values of all who answered. Units of one person say nothing."""
        told = tuple(tuple(sorted(said, key=_sorting)) for said in units if len(said) > 1)
        if told:
            self.patterns[told] += 1

    def raw(self) -> Interval | None:
        """Share of pairs of people with the same value, averaged over questions; `None` where no two answered one.

        Wilson's interval over questions, each counting as one trial with its share.
        """
        if not self.patterns:
            return None
        count = self.patterns.total()
        return wilson(min(count, sum(n * _raw(units) for units, n in self.patterns.items())), count)

    def alpha(self, *, seed: int = 0) -> Interval | None:
        """Krippendorff's alpha; `None` where nothing is shared, or everybody always says the same.

            alpha = 1 - D_o / D_e,   D_o = sum_ck o_ck d_ck / n,   D_e = sum_ck n_c n_k d_ck / (n (n - 1))

        o_ck counts pairs of values in one unit, each unit of m values with weight 1 / (m - 1); n_c = sum_k o_ck. On a
        nominal scale d_ck is 0 or 1; on an ordinal one it is (sum of n_g from c to k - (n_c + n_k) / 2)^2. Krippendorff
        2004 (Content Analysis), chapter 11. The interval is the percentile bootstrap over questions; it is unbounded
        where one question alone was shared.
        """
        values = sorted({v for units in self.patterns for said in units for v in said}, key=_sorting)
        if len(values) < 2:
            return None
        place = {v: i for i, v in enumerate(values)}
        pairs = np.stack([_coincidences(units, place) for units in self.patterns])
        counts = np.array(list(self.patterns.values()))
        questions = int(counts.sum())
        low, high = -math.inf, math.inf
        if questions > 1:
            drawn = np.random.default_rng(seed).multinomial(questions, counts / questions, size=_DRAWS)
            spread = _alpha(np.tensordot(drawn, pairs, axes=1), self.scale)
            low, high = map(float, np.nanquantile(spread, [0.025, 0.975]))
        estimate = float(_alpha(np.tensordot(counts[None], pairs, axes=1), self.scale)[0])
        return Interval(
            estimate=estimate, low=low, high=high, n=questions, method="percentile bootstrap over questions"
        )


def _raw(units: Units) -> float:
    shares = [sum(math.comb(n, 2) for n in Counter(said).values()) / math.comb(len(said), 2) for said in units]
    return sum(shares) / len(shares)


def _coincidences(units: Units, place: dict[Any, int]) -> np.ndarray:
    found = np.zeros((len(place), len(place)))
    for said in units:
        for a, b in combinations([place[v] for v in said], 2):
            found[a, b] += 1 / (len(said) - 1)
            found[b, a] += 1 / (len(said) - 1)
    return found


def _alpha(pairs: np.ndarray, scale: Scale) -> Any:
    """Alpha of each of some coincidence matrices; not a number where only one value occurs."""
    marginals = pairs.sum(2)
    n = marginals.sum(1)
    apart = _distances(marginals, scale)
    observed = (pairs * apart).sum((1, 2)) / n
    expected = (marginals[:, :, None] * marginals[:, None, :] * apart).sum((1, 2)) / (n * (n - 1))
    return 1 - observed / np.where(expected > 0, expected, np.nan)


def _distances(marginals: np.ndarray, scale: Scale) -> np.ndarray:
    size = marginals.shape[1]
    if scale == "nominal":
        return np.broadcast_to(1.0 - np.eye(size), (len(marginals), size, size))
    below = np.cumsum(marginals, axis=1) - marginals / 2
    return (below[:, :, None] - below[:, None, :]) ** 2


def _sorting(value: Any) -> tuple[bool, Any]:
    """Indices before words such as "tie"."""
    return isinstance(value, str), value
