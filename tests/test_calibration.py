"""Calibration of reward models: known answers, and what a wrong weight or bin would change."""

import math
import random

import pytest

from prefloop.evaluation.calibration import calibration, even, probability, temperature, tempered

LOG3, LOG9 = math.log(3), math.log(9)  # three times and nine times as likely: 0.75 and 0.9
ALONE = range(100_000)


def simulated(n, *, scale, seed=0):
    """Gaps of a model that is `scale` times as sure as it should be."""
    rng = random.Random(seed)
    truth = [rng.gauss(0, 1.5) for _ in range(n)]
    return [scale * t * (1 if rng.random() < probability(t) else -1) for t in truth]


def test_ece_brier_and_nll_of_two_kinds_of_comparison_are_those_worked_out_by_hand():
    # ten said with 0.75, of which nine are right; ten said with 0.9, of which five are right
    gaps = [LOG3] * 9 + [-LOG3] + [LOG9] * 5 + [-LOG9] * 5
    found = calibration(gaps, range(20), bins=2)
    assert [(round(b.said, 9), b.right.estimate, b.right.n) for b in found.bins] == [(0.75, 0.9, 10), (0.9, 0.5, 10)]
    assert found.ece == pytest.approx((0.15 + 0.4) / 2)
    assert found.brier == pytest.approx((9 * 0.25**2 + 0.75**2 + 5 * 0.1**2 + 5 * 0.9**2) / 20)
    assert found.nll == pytest.approx(
        -(9 * math.log(0.75) + math.log(0.25) + 5 * math.log(0.9) + 5 * math.log(0.1)) / 20
    )
    assert found.n == 20


def test_bins_have_the_same_mass_however_the_gaps_lie():
    gaps = [10.0**-k for k in range(30)]
    assert [b.right.n for b in calibration(gaps, range(30)).bins] == [2] * 15
    assert len(calibration(gaps[:4], range(4)).bins) == 4


def test_comparisons_of_one_prompt_share_its_weight():
    together = calibration([LOG3, -LOG3, -LOG3, LOG9], [0, 1, 1, 2], bins=1)
    apart = calibration([LOG3, -LOG3, LOG9], [0, 1, 2], bins=1)
    assert (together.ece, together.brier, together.nll) == pytest.approx((apart.ece, apart.brier, apart.nll))
    assert together.n == together.bins[0].right.n == 3
    assert even([0, 1, 1, 2]) == [1, 0.5, 0.5, 1]


def test_a_model_that_knows_nothing_is_half_right_and_says_so():
    found = calibration([0.0] * 40, range(40))
    assert (found.ece, found.brier, found.nll) == pytest.approx((0, 0.25, math.log(2)))


def test_a_model_that_is_right_about_itself_has_a_small_ece_and_one_too_sure_a_large_one():
    n = 30_000
    honest, sure = (calibration(simulated(n, scale=s), range(n)) for s in (1, 3))
    assert honest.ece < 0.01 < 0.1 < sure.ece
    assert honest.nll < sure.nll


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_the_temperature_of_gaps_that_were_scaled_is_the_scale(scale):
    n = 30_000
    assert temperature(simulated(n, scale=scale), range(n)) == pytest.approx(scale, rel=0.04)


def test_a_temperature_is_measured_where_it_was_not_fitted():
    n = 20_000
    gaps = simulated(n, scale=3)
    fit = [i % 2 == 0 for i in range(n)]
    found = tempered(gaps, range(n), fit=fit)
    half = gaps[1::2]
    assert found.temperature == temperature(gaps[::2], range(n // 2))
    assert found.before == calibration(half, range(n // 2))
    assert found.after == calibration([g / found.temperature for g in half], range(n // 2))
    assert found.after.ece < 0.02 < found.before.ece
    assert found.after.nll < found.before.nll
    assert tempered(gaps[:1], [0], fit=[True]) is None


def test_a_temperature_has_bounds_where_all_is_right_or_nothing():
    assert temperature([1.0, 2.0], [0, 1]) == pytest.approx(0.01)
    assert temperature([-1.0, -2.0], [0, 1]) == pytest.approx(100)


def test_gaps_of_any_size_have_a_likelihood():
    found = calibration([1e4, -1e4], [0, 1])
    assert math.isfinite(found.nll)
    assert found.nll == pytest.approx(5e3)
