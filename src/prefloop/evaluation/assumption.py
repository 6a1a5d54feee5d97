"""Whether what DPO supposes of its pairs holds: that its optimum prefers what people prefer."""

from jaxtyping import Bool, Float, Num
from torch import Tensor

from ..ops import lead, tsum


def falls_short(
    ref_logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"], reward: Float[Tensor, "P 2"], *, beta: float
) -> Bool[Tensor, "P"]:
    """True for the pairs of which DPO, at its optimum, still finds the second response likelier than the first.

        falls_short = [ sum_t ref_logp_0t - sum_t ref_logp_1t + (reward_0 - reward_1) / beta < 0 ]

    The left side is log(pi* / pi*) of the two under pi* = pi_ref exp(reward / beta) / Z, whose likelier response is the
    better one only if the reference does not hold the other too dear: the assumption under which DPO and RLHF are the
    same (Yang et al. 2026, arXiv 2605.20834). A lower `beta`, `constrained_dpo` or another reference mends such pairs.

    >>> import torch
    >>> ref_logp = torch.tensor([[[-5.0], [-2.0]]])
    >>> [falls_short(ref_logp, torch.ones(1, 2, 1), torch.tensor([[1.0, 0.0]]), beta=b).item() for b in (0.5, 0.25)]
    [True, False]
    """
    return lead(tsum(ref_logp, mask)) + lead(reward) / beta < 0
