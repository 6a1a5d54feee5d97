"""Policy-gradient objectives: make tokens likelier in proportion to their advantage."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from ..ops import lead, tmean, tsum


def ppo_clip(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    advantage: Float[Tensor, "P K #T"],
    *,
    low: float = 0.2,
    high: float = 0.2,
) -> Float[Tensor, "P K T"]:
    """Proximal policy optimisation, the clipped surrogate.

        ratio_t = exp(logp_t - old_logp_t)
        loss_t  = -min(ratio_t A_t, clip(ratio_t, 1 - low, 1 + high) A_t)

    Schulman et al. 2017 (arXiv 1707.06347), equation 7, with the sign turned to a loss. The textbook form: one ratio
    per token, no second clip for negative advantages, no clamp of the log-ratio, no entropy or value term. The paper
    has `low` = `high`; a larger `high` is DAPO's clip-higher (arXiv 2503.14476, section 3.1).

    >>> import torch
    >>> logp = torch.tensor([[[1.5, 1.5, 0.5]]]).log()
    >>> ppo_clip(logp, torch.zeros_like(logp), torch.tensor([[[1.0, -1.0, -1.0]]]))
    tensor([[[-1.2000,  1.5000,  0.8000]]])
    """
    return _clipped((logp - old_logp).exp(), advantage, low=low, high=high)


def dual_clip(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    advantage: Float[Tensor, "P K #T"],
    *,
    low: float = 0.2,
    high: float = 0.2,
    most: float = 3.0,
) -> Float[Tensor, "P K T"]:
    """The clipped surrogate with a second clip: a token with a negative advantage is charged `most` times that at most.

        loss_t = -min(ratio_t A_t, clip(ratio_t, 1 - low, 1 + high) A_t)                    where A_t >= 0
        loss_t = -max(min(ratio_t A_t, clip(ratio_t, 1 - low, 1 + high) A_t), most A_t)     where A_t < 0

    Dual-clip PPO (Ye et al. 2020, arXiv 1912.09729, section on the dual-clip algorithm, whose c is `most`, 3 there).
    Where a token has become far likelier since it was drawn, its ratio alone would make one bad answer a step without
    bound; beyond `most` it has no gradient.

    >>> import torch
    >>> logp = torch.tensor([[[4.0, 2.0, 4.0]]]).log()
    >>> dual_clip(logp, torch.zeros_like(logp), torch.tensor([[[-1.0, -1.0, 1.0]]]))
    tensor([[[ 3.0000,  2.0000, -1.2000]]])
    """
    once = _clipped((logp - old_logp).exp(), advantage, low=low, high=high)
    return torch.where(advantage < 0, torch.minimum(once, -most * advantage), once)


def gspo(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    advantage: Float[Tensor, "P K #T"],
    mask: Num[Tensor, "P K T"],
    *,
    low: float = 3e-4,
    high: float = 4e-4,
) -> Float[Tensor, "P K"]:
    """The clipped surrogate with one ratio for each response: the geometric mean of its tokens' ratios.

        ratio_i = exp(1/|y_i| sum_t (logp_it - old_logp_it))
        loss_i  = -min(ratio_i A_i, clip(ratio_i, 1 - low, 1 + high) A_i)

    Group sequence policy optimisation (Zheng et al. 2025, arXiv 2507.18071), without its KL term. A response is clipped
    as a whole or not at all, and its gradient is divided by its length. The clip is much narrower than that of a
    token's ratio, since the mean moves less. A is the mean of the tokens' advantages where they differ.

    >>> import torch
    >>> logp = torch.tensor([[[1.5, 0.8], [1.5, 0.8]]]).log()
    >>> gspo(logp, torch.zeros_like(logp), torch.tensor([[[1.0], [-1.0]]]), torch.ones(1, 2, 2), high=0.05)
    tensor([[-1.0500,  1.0954]])
    """
    ratio = tmean(logp - old_logp, mask).exp()
    return _clipped(ratio, tmean(advantage.expand(mask.shape), mask), low=low, high=high)


def cispo(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    advantage: Float[Tensor, "P K #T"],
    *,
    low: float = 1.0,
    high: float = 4.0,
) -> Float[Tensor, "P K T"]:
    """The score-function policy gradient by clipped importance weights: no token is left without a gradient.

        weight_t = clip(exp(logp_t - old_logp_t), 1 - low, 1 + high)        with no gradient through it
        loss_t   = -weight_t A_t logp_t

    CISPO (MiniMax 2025, arXiv 2506.13585, MiniMax-M1). The paper sets no lower bound, as `low` = 1 does, and gives no
    `high`: weights of at most 5 are this library's choice. Only the gradient means anything, not the value.

    >>> import torch
    >>> logp, old_logp = torch.tensor([[[0.5, 0.5]]]).log(), torch.tensor([[[0.25, 0.05]]]).log()
    >>> cispo(logp, old_logp, torch.tensor([[[1.0]]])) / logp
    tensor([[[-2., -5.]]])
    """
    weight = (logp - old_logp).exp().clamp(1 - low, 1 + high)
    return -weight.detach() * advantage * logp


def pairwise_ppo(
    logp: Float[Tensor, "P 2 T"],
    old_logp: Float[Tensor, "P 2 T"],
    reward: Float[Tensor, "P 2"],
    mask: Num[Tensor, "P 2 T"],
    *,
    low: float = 0.2,
    high: float = 0.2,
) -> Float[Tensor, "P"]:
    """The clipped surrogate of two responses at once: their ratios over each other, by the difference of their rewards.

        gap   = reward_0 - reward_1
        ratio = exp(sum_t (logp_0t - old_logp_0t) - sum_t (logp_1t - old_logp_1t))
        loss  = -1/2 min(ratio gap, clip(ratio, 1 - low, 1 + high) gap)

    Pairwise proximal policy optimisation, P3O (Wu et al. 2023, arXiv 2310.00212), in the form with one clip for both
    responses; the paper also clips each alone. Where the policy is the one that drew both, the gradient is that of its
    pairwise policy gradient, -1/2 gap grad log(pi(y_0) / pi(y_1)), which is unbiased. A reward that is shifted for a
    prompt changes nothing.

    >>> import torch
    >>> logp, reward = torch.tensor([[[1.2], [0.8]]]).log(), torch.tensor([[3.0, 1.0]])
    >>> pairwise_ppo(logp, torch.zeros_like(logp), reward, torch.ones(1, 2, 1))
    tensor([-1.2000])
    """
    ratio = lead(tsum(logp - old_logp, mask)).exp()
    return _clipped(ratio, lead(reward) / 2, low=low, high=high)


def reinforce(logp: Float[Tensor, "P K T"], advantage: Float[Tensor, "P K #T"]) -> Float[Tensor, "P K T"]:
    """The score-function policy gradient.

        loss_t = -A_t logp_t        with no gradient through A_t

    REINFORCE (Williams 1992), the baseline inside A; for language models Ahmadian et al. 2024 (arXiv 2402.14740). Only
    the gradient means anything, not the value, and it is that of the expected reward only on samples of the current
    policy: there is no importance ratio.

    >>> import torch
    >>> reinforce(torch.tensor([[[-1.0, -2.0]]]), torch.tensor([[[0.5]]]))
    tensor([[[0.5000, 1.0000]]])
    """
    return -advantage.detach() * logp


def _clipped(
    ratio: Float[Tensor, "..."], advantage: Float[Tensor, "..."], *, low: float, high: float
) -> Float[Tensor, "..."]:
    """The pessimistic surrogate: what a ratio gains beyond the clip earns nothing, what it loses is paid in full."""
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)
