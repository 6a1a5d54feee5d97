"""Labels of which a quarter is wrong, and what is gained by finding which ones."""

from statistics import fmean

import pytest
from bench.noise import WAYS, accuracy, simulated


@pytest.mark.parametrize("name", ["known flips, 0.25", "a quarter turned by a head with known flips"])
def test_with_thirty_pairs_a_feature_it_is_worth_three_points(name):
    gains = []
    for seed in range(5):
        x, truth = simulated(seed, 600)
        gains.append(accuracy(WAYS[name](x, seed), truth) - accuracy(WAYS["plain"](x, seed), truth))
    assert fmean(gains) >= 0.03
    assert min(gains) > 0


def test_a_reward_that_knows_nothing_of_the_flips_gains_nothing():
    x, truth = simulated(0, 600)
    gain = accuracy(WAYS["smoothed, 0.25"](x, 0), truth) - accuracy(WAYS["plain"](x, 0), truth)
    assert abs(gain) < 0.01
