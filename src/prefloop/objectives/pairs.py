"""Objectives on pairs: K = 2 with the preferred response at index 0."""

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import tsum


def dpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
    smoothing: float = 0.0,
) -> Float[Tensor, "P"]:
    """Direct preference optimisation.

        h_i  = beta * sum_t (logp_it - ref_logp_it)                              implicit reward of response i
        loss = -(1 - smoothing) log sigmoid(h_0 - h_1) - smoothing log sigmoid(h_1 - h_0)

    Rafailov et al. 2023 (arXiv 2305.18290), equation 7, log-ratios summed over tokens; `smoothing` is the
    conservative form (cDPO), the probability that a label is flipped. `beta` is the weight of the KL penalty whose
    optimum, pi* proportional to pi_ref exp(r / beta), this loss has when people choose by Bradley-Terry with reward r.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> dpo(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0)
    tensor([0.3133])
    """
    h = beta * tsum(logp - ref_logp, mask)
    gap = h[:, 0] - h[:, 1]
    return -(1 - smoothing) * logsigmoid(gap) - smoothing * logsigmoid(-gap)
