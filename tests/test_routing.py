"""Routed by a few answers: what is lost beside the best reward is bounded, and less of it is lost with each answer."""

import math

import pytest
import torch
from torch.nn.functional import logsigmoid

from prefloop.errors import RecipeError
from prefloop.learning.routing import regret, routed, spread
from recovery import chosen_first, features, happens, source

REWARDS = torch.tensor([[1.5, 0.0, 0.0], [0.0, -1.5, 0.0], [-1.0, 0.5, 1.0]], dtype=torch.float64)


def answers(draw, follows, n=200):
    """How probable each reward makes what somebody says who follows one of them."""
    x = features(draw, n, 2, 3)
    gap = (x[:, 0] - x[:, 1]) @ REWARDS[follows]
    x = chosen_first(x, happens(gap.sigmoid(), draw))
    return logsigmoid((x[:, 0] - x[:, 1]) @ REWARDS.T)


@pytest.mark.parametrize("follows", range(3))
def test_the_regret_is_bounded_and_shrinks_with_each_answer(follows):
    said = answers(source(follows), follows)
    weights = routed(said)
    lost = regret(said, weights)
    assert float(lost.max()) <= math.log(3) + 1e-12
    each = lost / torch.arange(1, len(lost) + 1)
    assert each[9] > each[49] > each[199]
    assert float(weights[-1, follows]) > 0.99
    assert spread(weights[0]) == pytest.approx(math.log(3))
    assert spread(weights[-1]) < 0.1
    kept = weights[:1].expand_as(weights)  # even weights that are not routed lose ever more
    assert float(regret(said, kept)[-1]) > 10 * math.log(3)


def test_whatever_the_answers_the_regret_stays_below_the_bound_of_the_weights_at_the_start():
    start = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    for seed in range(20):
        said = -5 * torch.rand(60, 3, generator=source(seed), dtype=torch.float64)  # of nobody in particular
        weights = routed(said, start=start)
        best = said.sum(0).argmax()
        assert float(regret(said, weights)[-1]) <= -math.log(start[best]) + 1e-12


def test_the_weights_are_bayes_rule_and_a_small_eta_learns_less():
    said = answers(source(0), 0, 5)
    start = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    by_hand = start * said.exp().prod(0)
    torch.testing.assert_close(routed(said, start=start)[-1], by_hand / by_hand.sum())
    torch.testing.assert_close(routed(said, start=start)[0], start)
    assert spread(routed(said, eta=0.1)[-1]) > spread(routed(said)[-1])
    with pytest.raises(RecipeError, match="`eta` of `routed`"):
        routed(said, eta=0.0)
