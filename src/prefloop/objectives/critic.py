"""Objectives of the critic: predict what the policy will be paid from here on."""

import torch
from jaxtyping import Float
from torch import Tensor


def value_clip(
    value: Float[Tensor, "P K T"],
    old_value: Float[Tensor, "P K T"],
    returns: Float[Tensor, "P K T"],
    *,
    clip: float = 0.2,
) -> Float[Tensor, "P K T"]:
    """Squared error of the critic, kept near its prediction at the start of the update.

        clipped_t = old_value_t + clip(value_t - old_value_t, -clip, clip)
        loss_t    = 1/2 max((value_t - returns_t)^2, (clipped_t - returns_t)^2)

    The half is there. The squared error is the value term of PPO (Schulman et al. 2017, arXiv 1707.06347, equation 9),
    which has neither the half nor the clip: both come from OpenAI's baselines (`ppo2`) and are used by Ziegler et al.
    2019. `clip` is in units of the reward; `clip` = infinity gives the plain half squared error.

    >>> import torch
    >>> value_clip(torch.tensor([[[1.0]]]), torch.tensor([[[0.0]]]), torch.tensor([[[1.0]]]))
    tensor([[[0.3200]]])
    """
    clipped = old_value + (value - old_value).clamp(-clip, clip)
    return 0.5 * torch.maximum((value - returns).square(), (clipped - returns).square())
