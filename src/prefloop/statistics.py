"""Intervals: how far a measured number can be trusted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

_BLOCK = 500  # resamples drawn at a time, to bound the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval; `n` counts the independent observations behind it.

    >>> print(Interval(estimate=0.62, low=0.55, high=0.69, n=180, method="Wilson"))
    0.62 [0.55, 0.69]
    """

    estimate: float
    low: float
    high: float
    n: int
    method: str

    def __str__(self) -> str:
        return f"{self.estimate:.2f} [{self.low:.2f}, {self.high:.2f}]"


def wilson(successes: float, n: int, *, confidence: float = 0.95) -> Interval:
    """Interval of a share by Wilson's score method.

        z = normal quantile of (1 + confidence) / 2,   p = successes / n
        (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    Wilson 1927; method 3 of Newcombe 1998 (Statistics in Medicine 17, 857-872): without continuity correction.

    Raises:
        DataError: no trials, or a count of successes outside 0 to `n`.

    >>> print(wilson(81, 263))
    0.31 [0.26, 0.37]
    """
    if not 0 <= successes <= n or n < 1:
        raise DataError(
            f"{successes} successes in {n} trials is not a share: give at least one trial, and 0 to n of them."
        )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
    return Interval(estimate=p, low=low, high=high, n=n, method="Wilson")


def win_rate(wins: int, ties: int, losses: int, *, confidence: float = 0.95) -> Interval:
    """Share of comparisons won, a tie counting half.

    Wilson's interval with wins + ties / 2 successes in wins + ties + losses trials. With ties it is wider than it need
    be: a half varies less than a success or failure of the same mean.

    >>> print(win_rate(50, 20, 30))
    0.60 [0.50, 0.69]
    """
    return wilson(wins + ties / 2, wins + ties + losses, confidence=confidence)


def bootstrap_mean(
    values: Sequence[float],
    *,
    clusters: Sequence[object] | None = None,
    n: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Mean with a percentile bootstrap interval over clusters (prompts, questions); each value its own by default.

    Whole clusters are drawn with replacement, as many as there are, and the values of all drawn clusters averaged; the
    ends are the (1 +- confidence) / 2 quantiles of `n` such means. Efron and Tibshirani 1993, section 13.3. A single
    cluster says nothing of how others differ: its interval is unbounded.

    Raises:
        DataError: no values, a value that is not finite, or another number of clusters than of values.

    >>> print(bootstrap_mean([0.0, 1.0, 1.0, 1.0] * 25))
    0.75 [0.66, 0.83]
    """
    sums, sizes = _by_cluster(np.asarray(values, dtype=float), clusters)
    count, tail = len(sums), (1 - confidence) / 2
    rng = np.random.default_rng(seed)
    low, high = -math.inf, math.inf
    if count > 1:
        means = []
        for start in range(0, n, _BLOCK):
            drawn = rng.multinomial(count, np.full(count, 1 / count), size=min(_BLOCK, n - start))
            means.append(drawn @ sums / (drawn @ sizes))
        low, high = map(float, np.quantile(np.concatenate(means), [tail, 1 - tail]))
    return Interval(
        estimate=float(sums.sum() / sizes.sum()), low=low, high=high, n=count, method="percentile bootstrap of clusters"
    )


def paired_bootstrap(
    before: Sequence[float],
    after: Sequence[float],
    *,
    clusters: Sequence[object] | None = None,
    n: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Mean of after - before with a percentile bootstrap interval, as in `bootstrap_mean`; pairs stay together.

    >>> print(paired_bootstrap([0.1, 0.2, 0.3], [0.6, 0.7, 0.8]))
    0.50 [0.50, 0.50]
    """
    if len(before) != len(after):
        raise DataError(
            f"{len(before)} values before and {len(after)} after are not pairs: give one of each for each item."
        )
    gain = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    return bootstrap_mean(gain.tolist(), clusters=clusters, n=n, seed=seed, confidence=confidence)


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """The correlation of the ranks of two sequences, equals sharing the mean of theirs; 0 where one is constant.

    >>> round(spearman([1.0, 2.0, 9.0], [0.1, 0.1, 0.7]), 4)
    0.866
    """
    a, b = (_ranks(np.asarray(values, dtype=np.float64)) for values in (x, y))
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt((a @ a) * (b @ b))
    return float(a @ b) / spread if spread else 0.0


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (count.cumsum() - (count - 1) / 2)[place]


def best_of_n_kl(n: int) -> float:
    """KL divergence, in nats, of the best of `n` samples from the distribution they were sampled from.

        KL = ln n - (n - 1) / n

    Stiennon et al. 2020 (arXiv 2009.01325), appendix G.3. Exact where no two samples score alike; otherwise an upper
    bound (Beirami et al. 2024, arXiv 2401.01879).

    >>> round(best_of_n_kl(4), 4)
    0.6363
    """
    if n < 1:
        raise DataError(f"the best of {n} samples does not exist: give n of at least 1.")
    return math.log(n) - (n - 1) / n


def _by_cluster(
    values: NDArray[np.float64], clusters: Sequence[object] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not len(values) or not np.isfinite(values).all():
        raise DataError("a mean needs at least one value, and only finite ones: look for a failed measurement.")
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise DataError(f"{len(values)} values in {len(clusters)} clusters: name one cluster for each value.")
    index_of = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    member = [index_of[cluster] for cluster in clusters]
    return np.bincount(member, weights=values).astype(np.float64), np.bincount(member).astype(np.float64)


def adjusted_rand(one: Sequence[int], other: Sequence[int]) -> float:
    """How far two ways to put the same things in groups agree: 1 where they are the same, 0 on average by chance.

        (sum_ij C(n_ij, 2) - e) / ((sum_i C(a_i, 2) + sum_j C(b_j, 2)) / 2 - e)
        e = sum_i C(a_i, 2) sum_j C(b_j, 2) / C(n, 2)

    Hubert and Arabie 1985, Comparing partitions: n_ij things are in group i of the one and j of the other, a_i and b_j
    in each. What the groups are called does not matter. Where both make one group, or groups of one, it is 1.

    Raises:
        DataError: they are not of the same things, or of fewer than two.

    >>> adjusted_rand([0, 0, 1, 1], [5, 5, 3, 3])
    1.0
    """
    if len(one) != len(other) or len(one) < 2:
        raise DataError(f"{len(one)} things in groups and {len(other)}: give the same things twice, two at least.")

    def pairs(counts: Counter[object]) -> int:
        return sum(math.comb(n, 2) for n in counts.values())

    both, first, second = (pairs(Counter(x)) for x in (zip(one, other, strict=True), one, other))
    expected = first * second / math.comb(len(one), 2)
    most = (first + second) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)
