"""Quality and length, kept apart."""

import pytest
import torch

from prefloop.objectives.lengths import channels_apart, length_correlation, summed_bradley_terry
from prefloop.objectives.rewards import bradley_terry

MASK = torch.tensor([[[1, 1, 1, 1], [1, 0, 0, 0]], [[1, 1, 0, 0], [1, 1, 1, 0]], [[0, 0, 0, 0], [1, 0, 1, 0]]])
LENGTHS = torch.tensor([[4.0, 1.0], [2.0, 3.0], [0.0, 3.0]])


def scores(quality, length):
    return torch.stack([quality, length], -1)


def test_a_quality_that_is_the_length_costs_1_and_a_length_channel_that_is_it_gains_1():
    flat = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])
    apart = torch.zeros_like(LENGTHS)
    for sign in (1.0, -1.0):
        torch.testing.assert_close(length_correlation(scores(sign * LENGTHS, apart), MASK), torch.ones(3))
        torch.testing.assert_close(length_correlation(scores(apart, sign * LENGTHS), MASK), torch.full((3,), -sign))
    assert length_correlation(scores(flat, apart), MASK).abs().max() < 1


def test_a_channel_that_says_the_same_of_all_has_no_correlation_and_no_slope():
    given = torch.full((3, 2, 2), 0.5, requires_grad=True)
    found = length_correlation(given, MASK)
    assert not found.any()
    found.sum().backward()
    assert not given.grad.any()


def test_answers_of_one_length_have_no_correlation():
    given = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0))
    assert not length_correlation(given, torch.ones(3, 2, 4)).any()


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_the_unit_of_a_channel_does_not_matter(factor):
    given = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(length_correlation(factor * given + 3, MASK), length_correlation(given, MASK))


def test_the_sum_is_one_score():
    given = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(summed_bradley_terry(given), bradley_terry(given.sum(-1)))


def test_channels_at_right_angles_cost_nothing():
    assert channels_apart(torch.eye(2).expand(3, 2, 2)).tolist() == [0.0] * 3
