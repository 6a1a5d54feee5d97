"""Objectives of reward models that learn from pairs on which other reward models have voted."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import lead


def voted_margin(score: Float[Tensor, "P 2"], strength: Float[Tensor, "P"]) -> Float[Tensor, "P"]:
    """`bradley_terry` that asks for as wide a lead as other reward models gave, and lets doubtful pairs be.

        loss = -log sigmoid(score_0 - score_1 - strength)

    The adaptive margin of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080), whose `strength` is the mean lead by
    the voters (`shaping.votes.votes`). Where they think the order wrong it is below 0, and little or nothing is asked.

    >>> import torch
    >>> voted_margin(torch.tensor([[2.0, 1.0]] * 2), torch.tensor([0.0, 1.0]))
    tensor([0.3133, 0.6931])
    """
    return -logsigmoid(lead(score) - strength)
