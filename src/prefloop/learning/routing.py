"""Which of several rewards to follow in a context, learnt from a few answers as they come."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import above_zero


def routed(log_likelihood: Tensor, *, start: Tensor | None = None, eta: float = 1.0) -> Tensor:
    """The weight of each of D rewards before every answer and after the last (n + 1, D), by Hedge.

        w_tk  proportional to  start_k exp(-eta sum_{s < t} loss_sk)        loss_sk = -log sigmoid(s_0k - s_1k)

    The second stage of MiCRo (Shen et al. 2025, arXiv 2505.24846), in the form of the Hedge update (Freund and Schapire
    1997). `log_likelihood` (n D) is that of each answer given in the context, under each reward; `start` are the
    weights that the mixture reads from the prompt (D), or even ones. At an `eta` of 1 it is Bayes' rule, and the loss
    of the mixture is never more than log(1 / start_k) above that of reward k, whatever the answers: `regret`.

    Raises:
        RecipeError: `eta` is not above 0.

    >>> routed(torch.tensor([[0.9, 0.1]]).log())
    tensor([[0.5000, 0.5000],
            [0.9000, 0.1000]])
    """
    above_zero("routed", eta=eta)
    even = log_likelihood.new_zeros(log_likelihood.shape[1]) if start is None else start.log()
    gained = torch.cat([torch.zeros_like(log_likelihood[:1]), log_likelihood.cumsum(0)])
    return (even + eta * gained).softmax(-1)


def regret(log_likelihood: Tensor, weights: Tensor) -> Tensor:
    """How much more the mixture has lost after each answer than the best single reward has (n), in nats.

        sum_{s <= t} -log sum_k w_sk exp(-loss_sk)  -  min_k sum_{s <= t} loss_sk

    `weights` (n or n + 1, D) are those before each answer, as `routed` gives them.

    >>> lost = torch.tensor([[0.9, 0.1]] * 3).log()
    >>> regret(lost, routed(lost))
    tensor([0.5878, 0.6809, 0.6918])
    """
    mixed = (log_likelihood + weights[: len(log_likelihood)].log()).logsumexp(-1)
    best: Tensor = log_likelihood.cumsum(0).amax(-1)
    return best - mixed.cumsum(0)


def spread(weights: Tensor) -> Tensor:
    """The entropy of weights (... D), in nats: 0 where one reward has all, log D where all weigh the same.

    >>> spread(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
    tensor([0.6931, 0.0000])
    """
    entropy: Tensor = torch.special.entr(weights).sum(-1)
    return entropy
