"""Shaping: what the policy is paid, made from other rewards. Pure functions that say what they give."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from .binding import gives
from .ops import at_final, tsum, whiten


@gives("token_reward")
def kl_in_reward(
    reward: Float[Tensor, "P K"],
    old_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    beta: float,
) -> Float[Tensor, "P K T"]:
    """The reward at the last token, minus the price of leaving the reference model at every token.

        token_reward_t = -beta (old_logp_t - ref_logp_t) + [t is the last chosen token] reward

    Ziegler et al. 2019 (arXiv 1909.08593), equation 2, whose KL penalty is here paid token by token as in Stiennon et
    al. 2020 (arXiv 2009.01325, section 3.4) and Ouyang et al. 2022 (arXiv 2203.02155, equation 2). The estimator is k1
    and no gradient passes: the KL is part of what is paid. 0 at tokens the model did not choose.

    >>> import torch
    >>> old_logp, ref_logp = torch.tensor([[[-1.0, -1.0, -1.0]]]), torch.tensor([[[-1.5, -1.0, -1.0]]])
    >>> kl_in_reward(torch.tensor([[3.0]]), old_logp, ref_logp, torch.tensor([[[1, 1, 0]]]), beta=0.2)
    tensor([[[-0.1000,  3.0000,  0.0000]]])
    """
    price = torch.where(mask.bool(), beta * (old_logp - ref_logp), 0.0)
    return at_final(reward, mask) - price


@gives("reward")
def total_reward(token_reward: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """What the whole response is paid, for estimators that treat it as one action.

        reward = sum_t token_reward_t

    After `kl_in_reward` it is R = reward - beta log(pi / pi_ref) of Ziegler et al. 2019 (arXiv 1909.08593), equation 2,
    undiscounted.

    >>> import torch
    >>> total_reward(torch.tensor([[[-0.5, 3.0, 9.0]]]), torch.tensor([[[1, 1, 0]]]))
    tensor([[2.5000]])
    """
    return tsum(token_reward, mask)


@gives("advantage")
def whiten_advantage(advantage: Float[Tensor, "P K #T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """Advantages shifted and scaled to mean 0 and variance 1 over the chosen tokens of the whole batch.

        advantage_t = (A_t - mean A) / sqrt(var A + 1e-8)

    The batch normalisation of PPO as practised (OpenAI's baselines; Ziegler et al. 2019) and of REINFORCE++ (arXiv
    2501.03262). The variance is the population's. An advantage shared by a response counts once for each of its tokens,
    so that long responses weigh more in the mean. 0 at tokens the model did not choose.

    >>> import torch
    >>> whiten_advantage(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[[1, 0], [0, 1]]]))
    tensor([[[-1.,  0.],
             [ 0.,  1.]]])
    """
    return whiten(advantage.expand(mask.shape), mask)
