"""Objectives of reward models that are sure of some answers and not of others."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import RecipeError

_AT = torch.linspace(-8.0, 8.0, 129, dtype=torch.float64)
_LOG_SHARES = (-_AT.square() / 2).log_softmax(0)
"""A standard normal on a grid. Of a function without jumps such sums are exact but for what grows as exp(-158 / s)."""


def each_member(scores: Float[Tensor, "P 2 D"], resampled: Num[Tensor, "P D"]) -> Float[Tensor, "P"]:
    """`bradley_terry` of every channel by itself, on its own bootstrap of the comparisons: an ensemble on one trunk.

        loss = 1/D sum_d -resampled_d log sigmoid(score_0d - score_1d)

    In the form of the ensemble of linear heads of Zhang et al. 2024 (arXiv 2401.16635), here with a bootstrap for each
    head: how often its draws, with replacement, drew this comparison. Without one, heads on one trunk differ in nothing
    but where they began. `resampled` is 1 on average.

    >>> import torch
    >>> each_member(torch.tensor([[[2.0, 0.0], [1.0, 0.0]]]), torch.tensor([[1.0, 2.0]]))
    tensor([0.8498])
    """
    ahead = scores[:, 0] - scores[:, 1]
    return -(resampled * logsigmoid(ahead)).mean(-1)


def gaussian_comparison(scores: Float[Tensor, "P 2 D"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison of two rewards that are known as Gaussians, the preferred one first.

        loss = -1/H sum_h log E[ sigmoid(m_0h - m_1h + s_h z) ]      z standard normal, s_h^2 = s_0h^2 + s_1h^2

    The channels are taken two by two, H = D / 2 heads in all: a mean m and the logarithm of a standard deviation s. The
    two rewards are independent, and their deviations are integrated out. The heads are those of Bayesian reward model
    ensembles (Yan et al. 2024, arXiv 2409.15360), which learn in two stages; here means and deviations are learnt at
    once, from the comparisons alone. Means and deviations that grow together can hardly be told from smaller ones, so
    that a deviation says more beside other deviations than alone.

    Raises:
        RecipeError: the number of channels is odd.

    >>> import torch
    >>> gaussian_comparison(torch.tensor([[[2.0, -9.0], [1.0, -9.0]], [[2.0, 0.0], [1.0, 0.0]]]))
    tensor([0.3133, 0.3930])
    """
    *_, channels = scores.shape
    if channels % 2:
        raise RecipeError(
            f"`gaussian_comparison` was given {channels} channels: it takes a mean and the logarithm of a "
            'deviation for each head, channels=("mean", "log deviation").'
        )
    mean, deviation = scores[..., 0::2], scores[..., 1::2].exp()
    ahead, spread = mean[:, 0] - mean[:, 1], deviation.square().sum(1).sqrt()
    found = logsigmoid(ahead.unsqueeze(-1) + spread.unsqueeze(-1) * _AT.to(scores))
    return -(found + _LOG_SHARES.to(scores)).logsumexp(-1).mean(-1)


def alike(diversity: Float[Tensor, "P"]) -> Float[Tensor, "P"]:
    """How much the adapters of an ensemble have in common: minus the nuclear norm of what they read.

        loss = -diversity

    A term beside that of the comparisons, with a weight: the regulariser of UP-RLHF (Zhai et al. 2024, arXiv
    2401.00243), which keeps the members of an ensemble from becoming one. Rows that lengthen raise it as well, so that
    the weight is small.

    >>> import torch
    >>> alike(torch.tensor([2.0]))
    tensor([-2.])
    """
    return -diversity
