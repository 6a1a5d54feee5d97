"""Credit against a baseline that comes from elsewhere than the batch itself. Pure functions that say what they give."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from .binding import gives
from .ops import present


@gives("advantage")
def above_baseline(
    reward: Float[Tensor, "P K"], baseline: Float[Tensor, "P *M"], mask: Num[Tensor, "P K T"]
) -> Float[Tensor, "P K 1"]:
    """Reward minus the reward of a reference answer to the same prompt, or the mean of several.

        advantage_i = reward_i - 1/M sum_m baseline_m

    ReMax (Li et al. 2023, arXiv 2310.10505), whose reference answer is the policy's own greedy one:
    `Sample(greedy=True)` draws it and has it paid. It does not depend on the response, so that the policy gradient
    stays unbiased. Responses that are missing get 0.

    >>> import torch
    >>> above_baseline(torch.tensor([[1.0, 3.0]]), torch.tensor([2.0]), torch.ones(1, 2, 1)).flatten()
    tensor([-1.,  1.])
    """
    usual = baseline.reshape(len(baseline), 1, -1).mean(-1)
    return torch.where(present(mask), reward - usual, 0.0)[..., None]


@gives("advantage")
def above_average(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, average: float
) -> Float[Tensor, "P K 1"]:
    """Reward minus a number that does not come from the batch: the mean of what earlier batches were paid.

        advantage_i = reward_i - average

    REINFORCE (Williams 1992) with a running baseline: `average` is a `MovingAverage`, which the loop moves on after
    every step. It does not depend on the batch, so that the policy gradient stays unbiased, where the mean of the batch
    itself (`batch_mean`) shrinks it. Responses that are missing get 0.

    >>> import torch
    >>> above_average(torch.tensor([[1.0, 3.0]]), torch.ones(1, 2, 1), average=1.5).flatten()
    tensor([-0.5000,  1.5000])
    """
    return torch.where(present(mask), reward - average, 0.0)[..., None]
