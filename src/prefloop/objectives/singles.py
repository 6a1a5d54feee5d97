"""Objectives on single responses, each of them judged by itself."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from ..ops import tsum


def kto(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    reference_point: Float[Tensor, "P"],
    *,
    beta: float = 0.1,
    desirable: float = 1.0,
    undesirable: float = 1.0,
) -> Float[Tensor, "P K"]:
    """Kahneman-Tversky optimisation: the value people put on a gain or a loss against what they are used to.

        r_i    = sum_t (logp_it - ref_logp_it)
        v_i    = lambda_D sigmoid(beta (r_i - z_0))     where people liked it, label > 0
                 lambda_U sigmoid(beta (z_0 - r_i))     where they did not
        loss_i = lambda_y - v_i

    Ethayarajh et al. 2024 (arXiv 2402.01306), equations 7 and 8: lambda_D is `desirable`, lambda_U `undesirable`, and
    lambda_y the one of the two that goes with the label. z_0 is `reference_point`, which `mismatched_kl` estimates; no
    gradient passes through it. Where one label is rarer than the other the paper raises its weight, so that liked
    answers weigh in all 1 to 3/2 times what disliked ones do.

    >>> import torch
    >>> logp = torch.tensor([[[1.0], [1.0]]])
    >>> mask, label = torch.ones_like(logp), torch.tensor([[1.0, 0.0]])
    >>> kto(logp, torch.zeros_like(logp), mask, label, torch.tensor([0.5]), beta=2.0)
    tensor([[0.2689, 0.7311]])
    """
    gain = beta * (tsum(logp - ref_logp, mask) - reference_point.detach().unsqueeze(-1))
    return torch.where(label > 0, desirable * (-gain).sigmoid(), undesirable * gain.sigmoid())
