"""Policy-gradient objectives: make tokens likelier in proportion to their advantage."""

import torch
from jaxtyping import Float
from torch import Tensor


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
    ratio = (logp - old_logp).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)


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
