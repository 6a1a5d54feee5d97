"""What a policy thinks of the answers of a fixed one: its value, up to sign and price."""

from jaxtyping import Float, Num
from torch import Tensor

from ..ops import tsum


def calibrated_ratio(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    calibrated: Float[Tensor, "P K"],
) -> Float[Tensor, "P"]:
    """The log-ratio of the answers that were drawn from the calibration policy.

        loss = sum_i calibrated_i sum_t (logp_it - ref_logp_it)

    The second term of VPO (Cen et al. 2024, arXiv 2405.19320) and of XPO (Xie et al. 2024, arXiv 2405.21046), which
    differ in its sign. Pairs fix a reward up to a constant; let its mean be 0 under the calibration policy. Then the
    most that can be had of it, max E[r] - beta KL, is -beta times the mean of this log-ratio. Beside a loss on pairs, a
    positive weight supposes that there is much to be had: optimism, which makes the fixed policy's answers less likely
    and explores (XPO, and VPO online). A negative weight supposes that there is little: pessimism, which keeps these
    answers likely (VPO offline).

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> calibrated_ratio(logp, torch.zeros_like(logp), torch.ones_like(logp), torch.tensor([[0.0, 1.0]]))
    tensor([-2.])
    """
    return (calibrated * tsum(logp - ref_logp, mask)).sum(1)
