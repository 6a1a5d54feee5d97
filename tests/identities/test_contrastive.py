"""Losses on hidden states: what they do not depend on, and where they are least."""

import math

import pytest
import torch

from prefloop.objectives.contrastive import goal_states, simcse
from prefloop.objectives.spread import told_apart

MASK = torch.tensor([[[1, 1, 1, 1], [1, 0, 0, 0]], [[1, 1, 0, 0], [1, 1, 1, 0]], [[1, 0, 1, 0], [0, 1, 0, 1]]])


def some(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_the_unit_of_a_hidden_state_does_not_matter(factor):
    views, states = some(3, 2, 2, 5), some(3, 2, 4, 5)
    torch.testing.assert_close(simcse(factor * views), simcse(views))
    torch.testing.assert_close(goal_states(factor * states, MASK), goal_states(states, MASK))


def test_what_both_answers_of_a_pair_share_is_no_part_of_their_difference():
    views = some(3, 2, 2, 5)
    torch.testing.assert_close(simcse(views + some(3, 1, 1, 5, seed=1)), simcse(views))


def test_a_rotation_of_the_hidden_states_changes_nothing():
    turn, _ = torch.linalg.qr(some(5, 5, seed=2))
    views, states = some(3, 2, 2, 5), some(3, 2, 4, 5)
    torch.testing.assert_close(simcse(views @ turn), simcse(views))
    torch.testing.assert_close(goal_states(states @ turn, MASK), goal_states(states, MASK))


def test_one_pair_alone_is_always_known_again():
    assert simcse(some(1, 2, 2, 5)).tolist() == [0.0]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_differences_as_the_corners_of_a_simplex_are_the_best_there_are(count):
    """For so few pairs the loss is least where all cosines are -1 / (count - 1)."""
    corners = torch.eye(count, dtype=torch.float64) - 1 / count
    views = torch.stack([corners, torch.zeros_like(corners)], 1).unsqueeze(2).expand(-1, -1, 2, -1)
    least = math.log(1 + (count - 1) * math.exp(-(1 + 1 / (count - 1))))
    torch.testing.assert_close(simcse(views, temperature=1.0), torch.full((count,), least, dtype=torch.float64))
    for seed in range(50):
        near = views + 0.3 * some(*views.shape[:2], 1, count, seed=seed)
        assert simcse(near, temperature=1.0).mean() > least


def test_one_direction_for_the_preferred_and_its_opposite_for_the_other_is_the_best_there_is():
    states = some(3, 1, 1, 5) * torch.tensor([1.0, -1.0]).view(1, 2, 1, 1) * some(3, 2, 4, 1, seed=1).abs()
    least = 2 * math.log(1 + math.exp(-1))
    torch.testing.assert_close(goal_states(states, MASK), torch.full((3,), least, dtype=torch.float64))
    for seed in range(50):
        assert (goal_states(states + some(3, 2, 4, 5, seed=seed), MASK) > least).all()


def test_only_what_the_model_chose_and_only_later_states_are_goals():
    states = some(3, 2, 4, 5)
    holes = torch.where(MASK.bool().unsqueeze(-1), states, some(3, 2, 4, 5, seed=1))
    torch.testing.assert_close(goal_states(holes, MASK), goal_states(states, MASK))
    one = torch.tensor([[[0, 1, 0], [1, 0, 0]]])
    near = some(1, 2, 3, 5)
    cosine = torch.cosine_similarity(near[:, 0, 1], near[:, 1, 0], dim=-1)
    torch.testing.assert_close(goal_states(near, one), -torch.nn.functional.logsigmoid(-cosine))


def test_draws_are_told_apart_in_any_order_and_from_any_zero():
    score, drawn = some(3, 5), torch.tensor([[0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]])
    found = told_apart(score, drawn)
    torch.testing.assert_close(told_apart(score.flip(1), drawn.flip(1)), found)
    torch.testing.assert_close(told_apart(score + 3, drawn), found)
    torch.testing.assert_close(told_apart(-score, drawn), found)
    assert found[2] == 0


def test_draws_are_told_apart_by_at_most_all_but_one_of_their_number():
    """Two of k are 1 at most, k (k - 1) / 2 of them; equal ones are 1/2."""
    for k in (2, 3, 4):
        drawn = torch.ones(1, k)
        assert told_apart(torch.zeros(1, k), drawn).item() == pytest.approx((k - 1) / (2 * k))
        assert told_apart(100.0 * torch.arange(k).float()[None], drawn).item() == pytest.approx((k - 1) / k)


def test_the_slope_is_0_where_two_draws_are_equal():
    score = torch.ones(1, 3, requires_grad=True)
    told_apart(score, torch.ones(1, 3)).sum().backward()
    assert not score.grad.any()
