"""The reward with the price of leaving the reference model in it.

What is paid carries no gradient, so the policy gradient of these rewards is the true one of E[reward] - beta D: also
for the tokens that led to where the two diverge, which no estimate in the loss reaches (`objectives.penalties`).
"""

from typing import Literal, get_args

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import softplus

from ..binding import gives
from ..errors import RecipeError
from ..ops import at_final, tsum

Divergence = Literal["reverse_kl", "forward_kl", "js", "chi2"]


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
    return kl_in_tokens(at_final(reward, mask), old_logp, ref_logp, mask, beta=beta)


@gives("token_reward")
def kl_in_tokens(
    token_reward: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    beta: float,
) -> Float[Tensor, "P K T"]:
    """What each token is paid, minus the price of leaving the reference model there.

        token_reward_t = token_reward_t - beta (old_logp_t - ref_logp_t)

    `kl_in_reward` for rewards that come token by token, as a process reward model's: over a response it adds up to
    their sum minus beta log(pi / pi_ref). 0 at tokens the model did not choose.

    >>> import torch
    >>> old_logp, ref_logp = torch.tensor([[[-1.0, -1.0, -1.0]]]), torch.tensor([[[-1.5, -1.0, -1.0]]])
    >>> kl_in_tokens(torch.tensor([[[1.0, 3.0, 9.0]]]), old_logp, ref_logp, torch.tensor([[[1, 1, 0]]]), beta=0.2)
    tensor([[[0.9000, 3.0000, 0.0000]]])
    """
    return torch.where(mask.bool(), token_reward - beta * (old_logp - ref_logp), 0.0)


@gives("reward")
def divergence_in_reward(
    reward: Float[Tensor, "P K"],
    old_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    beta: float,
    divergence: Divergence = "js",
) -> Float[Tensor, "P K"]:
    """The reward minus the price of leaving the reference model, by another divergence than the KL.

        u      = exp(sum_t (old_logp_t - ref_logp_t))
        reward = reward - beta f'(u)

        reverse_kl  f'(u) = log u + 1              `kl_in_reward`, summed
        forward_kl  f'(u) = -1 / u
        js          f'(u) = log(2 u / (1 + u))
        chi2        f'(u) = 2 (u - 1)

    The gradient of D_f(pi || pi_ref) = E_ref[f(pi / pi_ref)] is E_pi[f'(u) grad log pi], so that these rewards maximise
    E[r] - beta D_f. Its optimum has f'(pi / pi_ref) = (r - c) / beta, with c such that pi sums to 1 (Wang et al. 2023,
    arXiv 2309.16240), or pi = 0 where no u gives so low a slope. f' is of whole responses: their f does not fall apart
    into tokens. The forward KL and chi2 grow like a probability ratio, so that their variance does as well. Constants
    of f' that a baseline loses are left out.

    Raises:
        RecipeError: `divergence` is none of the four.

    >>> import torch
    >>> old_logp, ref_logp = torch.tensor([[[-1.0, -1.0]]]), torch.tensor([[[-1.5, -2.0]]])
    >>> divergence_in_reward(torch.tensor([[3.0]]), old_logp, ref_logp, torch.ones(1, 1, 2), beta=0.5)
    tensor([[3.1007]])
    """
    ratio = tsum(old_logp - ref_logp, mask)
    if divergence == "reverse_kl":
        return reward - beta * ratio
    if divergence == "forward_kl":
        return reward + beta * (-ratio).exp()
    if divergence == "js":
        return reward + beta * softplus(-ratio)
    if divergence == "chi2":
        return reward - 2 * beta * ratio.exp()
    known = ", ".join(map(repr, get_args(Divergence)))
    raise RecipeError(f"`divergence` of `divergence_in_reward` is {divergence!r}: it is one of {known}.")
