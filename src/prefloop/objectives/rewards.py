"""Objectives of reward models: scores that explain which response people chose, which is at index 0."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid

from ..ops import present


def bradley_terry(score: Float[Tensor, "P 2"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison, the preferred response at index 0.

        loss = -log sigmoid(score_0 - score_1)

    Bradley and Terry 1952; for language models Ouyang et al. 2022 (arXiv 2203.02155), equation 1, whose average over
    the pairs of a prompt is left to the reducer. The plain form: no margin, no ties.

    >>> import torch
    >>> bradley_terry(torch.tensor([[2.0, 1.0], [0.0, 0.0]]))
    tensor([0.3133, 0.6931])
    """
    return -logsigmoid(score[:, 0] - score[:, 1])


def kway_choice(score: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of choosing the best of K responses, which is at index 0.

        loss = -log( exp(score_0) / sum_i exp(score_i) )        i over the responses that are there

    Ziegler et al. 2019 (arXiv 1909.08593), equation 1 (there K = 4), with the sign turned to a loss. Missing responses
    leave the sum; a prompt whose index 0 is missing says nothing and gives 0. With K = 2 it is `bradley_terry`.

    >>> import torch
    >>> kway_choice(torch.tensor([[1.0, 0.0, 5.0]]), torch.tensor([[[1], [1], [0]]]))
    tensor([0.3133])
    """
    there = present(mask)
    standing = score.masked_fill(~there, -torch.inf)
    return torch.where(there[:, 0], -log_softmax(standing, -1)[:, 0], 0.0)
