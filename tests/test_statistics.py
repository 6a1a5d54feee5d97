"""Intervals, against published values and by how often they cover the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prefloop.errors import DataError
from prefloop.statistics import Interval, best_of_n_kl, bootstrap_mean, paired_bootstrap, wilson, win_rate


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert round(found.low, 4) == low
    assert round(found.high, 4) == high
    assert found.estimate == successes / n


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_wilson_ends_are_where_the_score_test_just_rejects(confidence: float) -> None:
    found = wilson(17, 40, confidence=confidence)
    for end in (found.low, found.high):
        score = abs(17 / 40 - end) / math.sqrt(end * (1 - end) / 40)
        assert math.erf(score / math.sqrt(2)) == pytest.approx(confidence, abs=1e-9)


def test_wilson_of_everything_mirrors_wilson_of_nothing() -> None:
    assert wilson(20, 20).low == pytest.approx(1 - wilson(0, 20).high, abs=1e-15)
    assert wilson(20, 20).high == 1.0


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_a_share_that_is_none_is_refused(successes: int, n: int) -> None:
    with pytest.raises(DataError, match="is not a share"):
        wilson(successes, n)


def test_a_tie_counts_half() -> None:
    assert win_rate(3, 4, 1).estimate == 5 / 8
    assert win_rate(50, 20, 30) == wilson(60, 100)


def test_the_bootstrap_interval_of_a_mean_approaches_the_normal_one() -> None:
    values = [0.0] * 300 + [1.0] * 700
    found = bootstrap_mean(values, n=20_000)
    half = 1.959964 * math.sqrt(0.3 * 0.7 / 1_000)
    assert found.estimate == 0.7
    # The quantile of 20,000 resamples has standard error sqrt(0.025 * 0.975 / 20,000) / density = 0.019 deviations.
    tolerance = 4 * 0.019 * math.sqrt(0.3 * 0.7 / 1_000) + 0.0005  # and means come in steps of 0.001
    assert abs(found.low - (0.7 - half)) < tolerance
    assert abs(found.high - (0.7 + half)) < tolerance


def test_bootstrap_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    trials, hits, clustered_hits, naive_hits = 400, 0, 0, 0
    for trial in range(trials):
        values = rng.exponential(size=120)
        found = bootstrap_mean(values.tolist(), n=800, seed=trial)
        hits += found.low <= 1.0 <= found.high
        prompts = np.repeat(np.arange(60), 5)
        before = rng.normal(size=300)
        after = before + 0.5 + rng.normal(size=60)[prompts] + 0.3 * rng.normal(size=300)
        gain = paired_bootstrap(before.tolist(), after.tolist(), clusters=prompts.tolist(), n=800, seed=trial)
        clustered_hits += gain.low <= 0.5 <= gain.high
        naive = paired_bootstrap(before.tolist(), after.tolist(), n=800, seed=trial)
        naive_hits += naive.low <= 0.5 <= naive.high
    error = math.sqrt(0.95 * 0.05 / trials)
    assert abs(hits / trials - 0.95) < 3 * error
    assert abs(clustered_hits / trials - 0.95) < 3 * error
    assert naive_hits / trials < 0.8  # five answers to one prompt are not five observations


def test_the_clustered_mean_is_over_values_and_counts_clusters() -> None:
    found = bootstrap_mean([1.0, 1.0, 1.0, 5.0], clusters=["a", "a", "a", "b"])
    assert found.estimate == 2.0
    assert found.n == 2
    # Drawing two of two clusters gives "a, a", "a, b" or "b, b": means 1, 2 and 5.
    assert (found.low, found.high) == (1.0, 5.0)


def test_pairs_stay_together() -> None:
    before = [0.0, 10.0, 20.0, 30.0]
    found = paired_bootstrap(before, [b + 1.0 for b in before])
    assert (found.estimate, found.low, found.high) == (1.0, 1.0, 1.0)


def test_one_cluster_bounds_nothing() -> None:
    found = bootstrap_mean([0.2, 0.4], clusters=["p", "p"])
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert found.estimate == pytest.approx(0.3)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).normal(size=50).tolist()
    assert bootstrap_mean(values, seed=4) == bootstrap_mean(values, seed=4)
    assert bootstrap_mean(values, seed=4) != bootstrap_mean(values, seed=5)


def test_what_cannot_be_averaged_is_refused() -> None:
    with pytest.raises(DataError, match="at least one value"):
        bootstrap_mean([])
    with pytest.raises(DataError, match="finite"):
        bootstrap_mean([1.0, math.nan])
    with pytest.raises(DataError, match="2 values in 1 clusters"):
        bootstrap_mean([1.0, 2.0], clusters=["a"])
    with pytest.raises(DataError, match="are not pairs"):
        paired_bootstrap([1.0], [1.0, 2.0])


@pytest.mark.parametrize("n", [1, 2, 4, 64])
def test_best_of_n_diverges_as_the_maximum_of_uniform_draws_does(n: int) -> None:
    # The maximum of n uniform draws has density n u^(n-1); its KL to the uniform, by the midpoint rule.
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    density = n * u ** (n - 1)
    assert best_of_n_kl(n) == pytest.approx(float(np.mean(density * np.log(np.maximum(density, 1e-300)))), abs=1e-6)


def test_an_interval_prints_tidily() -> None:
    assert str(Interval(estimate=0.6234, low=0.551, high=0.6899, n=10, method="Wilson")) == "0.62 [0.55, 0.69]"
