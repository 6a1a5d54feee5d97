"""Whether a reward model's gaps mean what they say: reliability, its errors in one number, and one temperature.

A gap is the score of the answer that people preferred less that of the other, read as log-odds: the model says with
the probability sigmoid(|gap|) that the answer it scores higher is the better one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..statistics import Interval, wilson

BINS = 15
_LEAST, _MOST = 1e-2, 1e2  # a temperature outside would be that of gaps that are all right, or no better than chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Comparisons of which the model was about as sure: what it said, and how often it was right."""

    said: float
    right: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How far what a model says is from what is so; `n` counts the independent observations.

    ece: mean distance between what is said and what is so, over bins of equal mass. brier: mean (1 - p)^2 and nll: mean
    -log p, of the probability p that the model gave to the answer that people preferred.
    """

    ece: float
    brier: float
    nll: float
    n: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempered:
    """One temperature for all gaps, fitted on one half of the prompts, and what it does on the other half."""

    temperature: float
    before: Calibration
    after: Calibration


def probability(gap: float) -> float:
    """sigmoid(gap), without overflow.

    >>> probability(0.0), probability(-1000.0)
    (0.5, 0.0)
    """
    return 1 / (1 + math.exp(-gap)) if gap >= 0 else math.exp(gap) / (1 + math.exp(gap)) if gap > -700 else 0.0


def won(gap: float) -> float:
    """1 where the preferred answer has the higher score, 1/2 where both have the same.

    >>> won(0.2), won(0.0), won(-3.0)
    (1.0, 0.5, 0.0)
    """
    return 0.5 if gap == 0 else float(gap > 0)


def even(clusters: Sequence[int]) -> list[float]:
    """A weight for each value, so that every cluster weighs 1 in all.

    >>> even([7, 7, 8])
    [0.5, 0.5, 1.0]
    """
    size: dict[int, int] = {}
    for cluster in clusters:
        size[cluster] = size.get(cluster, 0) + 1
    return [1 / size[cluster] for cluster in clusters]


def calibration(gaps: Sequence[float], clusters: Sequence[int], *, bins: int = BINS) -> Calibration:
    """Reliability in bins of equal mass, ECE, Brier score and negative log-likelihood.

        p_i = sigmoid(|gap_i|)     right_i = [gap_i > 0], 1/2 at 0
        ece = sum_b mass_b |mean_b p - mean_b right|

    Naeini et al. 2015 (AAAI) and Guo et al. 2017 (arXiv 1706.04599), equation 3, with bins of equal mass instead of
    equal width (Nguyen and O'Connor 2015, arXiv 1508.05154). Every cluster, which is a prompt, weighs the same; with
    fewer comparisons than bins there are as many bins as comparisons. In small samples ECE is above 0 even of a model
    that is right about itself.

    >>> four = calibration([math.log(3)] * 3 + [-math.log(3)], [0, 1, 2, 3], bins=1)
    >>> round(four.ece, 6), round(four.brier, 4), four.bins[0].right.estimate
    (0.0, 0.1875, 0.75)
    """
    weights = even(clusters)
    mass = sum(weights)
    order = sorted(range(len(gaps)), key=lambda i: abs(gaps[i]))
    count, seen = min(bins, len(gaps)), 0.0
    members: list[list[int]] = [[] for _ in range(count)]
    for i in order:
        members[min(count - 1, int(count * (seen + weights[i] / 2) / mass))].append(i)
        seen += weights[i]
    found = [_bin(gaps, clusters, weights, inside) for inside in members if inside]
    return Calibration(
        ece=sum(share * abs(b.said - b.right.estimate) for share, b in found) / mass,
        brier=_mean([probability(-g) ** 2 for g in gaps], weights),
        nll=_mean([_surprise(g) for g in gaps], weights),
        n=len(set(clusters)),
        bins=tuple(b for _, b in found),
    )


def temperature(gaps: Sequence[float], clusters: Sequence[int]) -> float:
    """The temperature t that makes the gaps likeliest: argmin of mean -log sigmoid(gap / t).

    Temperature scaling (Guo et al. 2017, arXiv 1706.04599, section 4.2), between 0.01 and 100: where all gaps are
    right the likeliest is 0, and where they are no better than chance there is none.

    >>> round(temperature([2.0, 2.0, 2.0, -2.0], [0, 1, 2, 3]), 3) == round(2 / math.log(3), 3)
    True
    """
    weights = even(clusters)

    def slope(inverse: float) -> float:
        return -sum(w * g * probability(-inverse * g) for w, g in zip(weights, gaps, strict=True))

    low, high = 1 / _MOST, 1 / _LEAST
    for _ in range(100):  # convex in the inverse: its slope changes sign once
        middle = math.sqrt(low * high)
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 1 / math.sqrt(low * high)


def tempered(gaps: Sequence[float], clusters: Sequence[int], *, fit: Sequence[bool]) -> Tempered | None:
    """A temperature fitted where `fit` says so, and measured where not; `None` where either side has nothing."""
    sides = [[i for i, here in enumerate(fit) if here is side] for side in (True, False)]
    if not all(sides):
        return None
    inside, outside = ([gaps[i] for i in side] for side in sides)
    fitted, apart = ([clusters[i] for i in side] for side in sides)
    t = temperature(inside, fitted)
    return Tempered(
        temperature=t, before=calibration(outside, apart), after=calibration([g / t for g in outside], apart)
    )


def _bin(
    gaps: Sequence[float], clusters: Sequence[int], weights: Sequence[float], inside: Sequence[int]
) -> tuple[float, Bin]:
    """The mass of a bin, and the bin."""
    own = [weights[i] for i in inside]
    n = len({clusters[i] for i in inside})
    right = _mean([won(gaps[i]) for i in inside], own)
    said = _mean([probability(abs(gaps[i])) for i in inside], own)
    return sum(own), Bin(said=said, right=wilson(right * n, n))


def _surprise(gap: float) -> float:
    return max(-gap, 0.0) + math.log1p(math.exp(-abs(gap)))


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)
