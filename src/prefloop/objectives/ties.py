"""Objectives of reward models that learn from ties as well: people may prefer neither of two responses."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from ..ops import lead


def davidson(score: Float[Tensor, "P 2"], numbers: Float[Tensor, "P 1"], tied: Num[Tensor, "P"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison or a tie; ties are likeliest between equals.

        P(0) : P(tie) : P(1) = exp(score_0) : nu exp((score_0 + score_1) / 2) : exp(score_1)        nu = exp(number)
        loss = -log P(tie) where `tied`, else -log P(0)

    Davidson 1970, On extending the Bradley-Terry model to accommodate ties in paired comparison experiments: a tie is
    nu times as likely as the geometric mean of the two wins. nu is learnt; at a number of 0 equals tie in a third of
    all cases. Without ties in the data it goes to 0, where this is `bradley_terry`.

    >>> import torch
    >>> davidson(torch.tensor([[2.0, 1.0]] * 2), torch.zeros(2, 1), torch.tensor([0, 1]))
    tensor([0.6803, 1.1803])
    """
    half = lead(score) / 2
    every = torch.stack([half, numbers[:, 0], -half], 1).log_softmax(1)
    return -torch.where(tied.bool(), every[:, 1], every[:, 0])


def rao_kupper(
    score: Float[Tensor, "P 2"], numbers: Float[Tensor, "P 1"], tied: Num[Tensor, "P"]
) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison or a tie; people see no difference below a threshold.

        P(0)   = sigmoid(score_0 - score_1 - eta)        P(1) = sigmoid(score_1 - score_0 - eta)
        P(tie) = 1 - P(0) - P(1) = (exp(2 eta) - 1) P(0) P(1)        eta = log(1 + exp(number))
        loss   = -log P(tie) where `tied`, else -log P(0)

    Rao and Kupper 1967, Ties in paired-comparison experiments: a generalization of the Bradley-Terry model; their theta
    is exp(eta). The threshold eta is learnt and above 0; at a number of 0 equals tie in a third of all cases.

    >>> import torch
    >>> rao_kupper(torch.tensor([[2.0, 1.0]] * 2), torch.zeros(2, 1), torch.tensor([0, 1]))
    tensor([0.5514, 1.3148])
    """
    eta = softplus(numbers[:, 0])
    first, second = logsigmoid(lead(score) - eta), logsigmoid(-lead(score) - eta)
    return -torch.where(tied.bool(), (2 * eta).expm1().log() + first + second, first)
