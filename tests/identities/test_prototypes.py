"""Prototypes of what sets pairs apart: what the loss does not depend on, where it is least, and what learns from it."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from prefloop.errors import RecipeError
from prefloop.objectives.prototypes import first_bradley_terry, swav
from prefloop.objectives.rewards import bradley_terry
from prefloop.ops import sinkhorn


def some(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def read(channels, hidden, pairs):
    """What so many channels read a hidden state by, the same for every pair."""
    return some(channels, hidden, seed=1).expand(pairs, -1, -1)


VIEWS, READ = some(6, 2, 2, 5), read(4, 5, 6)


def test_units_what_answers_share_and_the_reward_do_not_matter():
    found = swav(VIEWS, READ)
    torch.testing.assert_close(swav(7 * VIEWS, READ), found)
    torch.testing.assert_close(swav(VIEWS, READ * torch.tensor([1.0, 0.1, 5.0, 2.0]).view(4, 1)), found)
    torch.testing.assert_close(swav(VIEWS + some(6, 1, 1, 5, seed=2), READ), found)
    other = torch.cat([some(6, 1, 5, seed=3), READ[:, 1:]], 1)
    torch.testing.assert_close(swav(VIEWS, other), found)


def test_views_change_places_prototypes_their_order_and_all_may_turn():
    found = swav(VIEWS, READ)
    turn, _ = torch.linalg.qr(some(5, 5, seed=2))
    torch.testing.assert_close(swav(VIEWS.flip(2), READ), found)
    torch.testing.assert_close(swav(VIEWS, READ[:, [0, 3, 1, 2]]), found)
    torch.testing.assert_close(swav(VIEWS @ turn, READ @ turn), found)


def test_a_pair_that_is_like_all_others_has_an_even_code_whichever_prototype_is_near():
    """So that one prototype for everything is no way down: the loss is that of an even code."""
    alike = some(1, 2, 1, 5).expand(6, -1, 2, -1)
    near = normalize(alike[:, 0] - alike[:, 1], dim=-1)[0, 0] @ normalize(READ[0, 1:], dim=-1).T
    even = -2 * (near / 0.1).log_softmax(-1).mean()
    torch.testing.assert_close(swav(alike, READ, rounds=50), even.expand(6))


def test_only_what_is_predicted_learns_and_the_codes_stand():
    """The slope towards each score is (p - the other view's q) / temperature."""
    views, directions = VIEWS.clone().requires_grad_(), READ[:1].clone().requires_grad_()
    found = torch.autograd.grad(swav(views, directions.expand(6, -1, -1)).sum(), (views, directions))
    near = normalize(views[:, 0] - views[:, 1], dim=-1) @ normalize(directions[0, 1:], dim=-1).T
    code = torch.stack([sinkhorn(near[:, v].detach() / 0.05, rounds=3) for v in (1, 0)], 1)
    slope = ((near.detach() / 0.1).softmax(-1) - code) / 0.1
    for one, other in zip(found, torch.autograd.grad(near, (views, directions), slope), strict=True):
        torch.testing.assert_close(one, other)


def test_of_one_pair_alone_the_code_is_even():
    torch.testing.assert_close(
        swav(VIEWS[:1], READ[:1], temperature=1e9), torch.tensor([2 * math.log(3)], dtype=torch.float64)
    )


def test_the_first_channel_alone_is_the_reward():
    scores = some(4, 2, 3)
    torch.testing.assert_close(first_bradley_terry(scores), bradley_terry(scores[..., 0]))


def test_one_prototype_is_refused():
    with pytest.raises(RecipeError, match="two prototypes at least"):
        swav(VIEWS, READ[:, :2])
