"""The harness that finds a known reward again: its errors are as large as it says, and other people are caught."""

import pytest
import torch

from prefloop.binding import bind
from prefloop.objectives.rewards import bradley_terry, kway_choice
from recovery import SEEDS, N, chosen_first, deviations, features, fitted, found_again, happens, one_of, source

REWARD = torch.tensor([1.0, -0.5, 0.25, 0.0], dtype=torch.float64)


def from_pairs(seed, chance=torch.sigmoid, n=N):
    """A fit to choices between two answers, the first chosen with this chance of how far it is ahead."""
    draw = source(seed)
    x = features(draw, n, 2, len(REWARD))
    x = chosen_first(x, happens(chance((x[:, 0] - x[:, 1]) @ REWARD), draw))
    return fitted(bind(bradley_terry), lambda w: {"score": x @ w}, {}, torch.zeros(len(REWARD)))


@pytest.mark.parametrize("seed", SEEDS)
def test_bradley_terry_finds_the_reward_of_people_who_choose_by_it(seed):
    assert found_again(from_pairs(seed), REWARD)


@pytest.mark.parametrize("seed", SEEDS)
def test_bradley_terry_misses_the_reward_of_people_who_choose_by_a_steeper_curve(seed):
    assert not found_again(from_pairs(seed, lambda d: (1.2 * d).sigmoid()), REWARD)


def test_the_errors_are_as_large_as_the_harness_says():
    drawn = torch.stack([deviations(from_pairs(seed, n=500), REWARD) for seed in range(60)])
    assert 0.8 < drawn.square().mean() < 1.25  # 240 squares of mean 1: two and a half times their own error


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sandwich_is_the_inverse_hessian_where_the_objective_is_the_likelihood(seed):
    draw = source(seed)
    x = features(draw, N, 4, len(REWARD))
    best = one_of((x @ REWARD).softmax(-1), draw)
    order = torch.stack([best, *((best + i) % 4 for i in (1, 2, 3))], -1)
    x = x.gather(1, order[..., None].expand_as(x))
    fits = [
        fitted(bind(kway_choice), lambda w: {"score": x @ w}, {}, torch.zeros(4), answers=4, sandwich=s)
        for s in (False, True)
    ]
    assert found_again(fits[0], REWARD)
    torch.testing.assert_close(fits[0].covariance.diagonal(), fits[1].covariance.diagonal(), rtol=0.15, atol=0)
