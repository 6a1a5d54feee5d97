"""The shape annotations of the pure layer hold while the tests run."""

import pytest
import torch
from jaxtyping import TypeCheckError

from prefloop.objectives.pairs import dpo
from prefloop.objectives.penalties import entropy
from prefloop.objectives.policy import reinforce


def test_a_tensor_of_another_length_is_refused():
    with pytest.raises(TypeCheckError, match="ref_logp"):
        dpo(torch.zeros(1, 2, 3), torch.zeros(1, 2, 4), torch.ones(1, 2, 3))


def test_three_responses_are_not_a_pair():
    with pytest.raises(TypeCheckError, match="P 2 T"):
        dpo(torch.zeros(1, 3, 4), torch.zeros(1, 3, 4), torch.ones(1, 3, 4))


def test_a_missing_axis_is_refused():
    with pytest.raises(TypeCheckError, match="P K T"):
        entropy(torch.zeros(4, 2))


def test_an_advantage_is_given_per_token_or_per_response_and_nothing_between():
    logp = torch.zeros(1, 2, 4)
    for length in (1, 4):
        assert reinforce(logp, torch.ones(1, 2, length)).shape == logp.shape
    with pytest.raises(TypeCheckError, match="advantage"):
        reinforce(logp, torch.ones(1, 2, 2))
