"""DPO held to the reference by another divergence than the reverse KL."""

from typing import Literal, get_args

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import RecipeError, above_zero
from ..ops import lead, tsum

Divergence = Literal["reverse_kl", "forward_kl", "js", "alpha"]


def f_dpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
    divergence: Divergence = "js",
    alpha: float = 0.5,
) -> Float[Tensor, "P"]:
    """DPO whose implicit reward is the slope of an f-divergence.

        u_i  = exp(sum_t (logp_it - ref_logp_it))
        loss = -log sigmoid(beta (f'(u_0) - f'(u_1)))

        reverse_kl  f'(u) = log u + 1               DPO
        js          f'(u) = log(2 u / (1 + u))
        alpha       f'(u) = (1 - u^-alpha) / alpha  reverse KL as alpha goes to 0, forward KL at 1
        forward_kl  f'(u) = -1 / u

    Wang et al. 2023 (arXiv 2309.16240). The optimum maximises E[r] - beta D_f(pi || pi_ref), where people choose by
    Bradley-Terry with reward r: beta f'(pi* / pi_ref) is r up to a constant. `alpha` is above 0. All but the first have
    a bounded reward for likely answers and a growing one for unlikely answers, whose exponentials may overflow where
    the policy has all but given up a response.

    Raises:
        RecipeError: `divergence` is none of the four, or `alpha` is not above 0.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> f_dpo(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0, divergence="forward_kl")
    tensor([0.0093])
    """
    if divergence not in get_args(Divergence):
        known = ", ".join(map(repr, get_args(Divergence)))
        raise RecipeError(f"`divergence` of `f_dpo` is {divergence!r}: it is one of {known}.")
    return -logsigmoid(beta * lead(_link(tsum(logp - ref_logp, mask), divergence, alpha)))


def _link(ratio: Float[Tensor, "P 2"], divergence: Divergence, alpha: float) -> Float[Tensor, "P 2"]:
    """The slope f' at a log-ratio, up to the constants that a gap loses."""
    if divergence == "reverse_kl":
        return ratio
    if divergence == "js":
        return logsigmoid(ratio)
    power = 1.0 if divergence == "forward_kl" else alpha
    above_zero("f_dpo", alpha=power)
    return -(-power * ratio).expm1() / power
