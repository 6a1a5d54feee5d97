"""Shaping: what the policy is paid, made from other rewards. Pure functions that say what they give."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from .binding import gives
from .ops import at_final, present, tsum, whiten


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


@gives("token_reward")
def contrast(
    better_logp: Float[Tensor, "P K T"], worse_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]
) -> Float[Tensor, "P K T"]:
    """What each token is paid by a model that is told to answer well, and again to answer badly.

        token_reward_t = sigmoid(better_logp_t - worse_logp_t) - 1/2

    The self-generated token rewards of T-REG (Zhou et al. 2024, arXiv 2412.02685), between -1/2 and 1/2, from two
    frozen models named `better` and `worse` that differ in their `instruction`. 0 at tokens the model did not choose.

    >>> import torch
    >>> better_logp, worse_logp = torch.tensor([[[0.6, 0.1, 0.5]]]).log(), torch.tensor([[[0.2, 0.3, 0.5]]]).log()
    >>> contrast(better_logp, worse_logp, torch.ones(1, 1, 3))
    tensor([[[ 0.2500, -0.2500,  0.0000]]])
    """
    return torch.where(mask.bool(), (better_logp - worse_logp).sigmoid() - 0.5, 0.0)


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


@gives("reward")
def diverse_win(
    win_rate: Float[Tensor, "P K"], ids: Int[Tensor, "P K T"], mask: Num[Tensor, "P K T"], *, weight: float = 0.1
) -> Float[Tensor, "P K"]:
    """How often a response wins, and more for saying what the others to its prompt do not.

        reward_i = win_rate_i + weight mean_{j != i} (1 - |S_i and S_j| / |S_i or S_j|)        S_i: the tokens of y_i

    PPR-GDE (Cao et al. 2026, arXiv 2605.18191) adds a group's diversity to pairwise preferences within it. The paper's
    is the dispersion of meanings; here it is that of tokens, by the Jaccard distance, which needs no model, and
    `weight` is this library's choice. A response without siblings gets no bonus, one that is missing 0.

    >>> import torch
    >>> ids, win_rate = torch.tensor([[[5, 7], [5, 7], [5, 8]]]), torch.full((1, 3), 0.5)
    >>> diverse_win(win_rate, ids, torch.ones(1, 3, 2), weight=0.3)
    tensor([[0.6000, 0.6000, 0.7000]])
    """
    bonus = torch.zeros_like(win_rate)
    for p, (said, chosen) in enumerate(zip(ids, mask.bool(), strict=True)):
        there = {k: set(said[k][chosen[k]].tolist()) for k in chosen.any(-1).nonzero().flatten().tolist()}
        for k, own in there.items():
            others = [1 - len(own & other) / len(own | other) for j, other in there.items() if j != k]
            bonus[p, k] = sum(others) / max(len(others), 1)
    return torch.where(present(mask), win_rate + weight * bonus, 0.0)


@gives("reward")
def overlong(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, longest: int, margin: int
) -> Float[Tensor, "P K"]:
    """The reward, less for a response that comes near the length at which it is cut.

        reward - clip((|y| - (longest - margin)) / margin, 0, 1)

    The soft overlong punishment of DAPO (Yu et al. 2025, arXiv 2503.14476, section 3.4): nothing up to
    `longest` - `margin` tokens, then in a line up to 1 at `longest`. Both are in tokens; a reward of another scale than
    that of right and wrong wants a price of its own. |y| counts the tokens that the model chose.

    >>> import torch
    >>> overlong(torch.ones(1, 2), torch.tensor([[[1, 1, 1, 1], [1, 1, 1, 0]]]), longest=4, margin=2)
    tensor([[0.0000, 0.5000]])
    """
    return reward - ((mask.sum(-1).to(reward) - longest) / margin + 1).clamp(0, 1)


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


@gives("advantage")
def truncated_importance(
    advantage: Float[Tensor, "P K #T"],
    old_logp: Float[Tensor, "P K T"],
    sampled_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    cap: float = 2.0,
) -> Float[Tensor, "P K T"]:
    """Advantages weighed by how much likelier the trainer finds a token than the sampler that drew it, up to a cap.

        advantage_t = min(exp(old_logp_t - sampled_logp_t), cap) A_t

    A sampler that computes otherwise than the trainer (another engine, another precision) draws from another policy;
    with the weight the mean gradient is the trainer's own again. The truncation is that of Ionides 2008, per token as
    in V-trace (Espeholt et al. 2018, arXiv 1802.01561, section 4.1): it bounds the variance for a bias towards the
    sampler's policy where the two differ by more than `cap`. 0 at tokens the model did not choose.

    >>> import torch
    >>> advantage, old_logp = torch.tensor([[[1.0]]]), torch.tensor([[[0.5, 0.5, 0.5]]]).log()
    >>> sampled_logp, mask = torch.tensor([[[0.4, 0.5, 0.1]]]).log(), torch.tensor([[[1, 1, 1]]])
    >>> truncated_importance(advantage, old_logp, sampled_logp, mask)
    tensor([[[1.2500, 1.0000, 2.0000]]])
    """
    weight = (old_logp - sampled_logp).exp().clamp(max=cap)
    return torch.where(mask.bool(), weight * advantage, 0.0)
