"""Objectives on pairs that weigh one number: how far the preferred response, at index 0, is ahead of the other.

A response's implicit reward is beta times its log-ratio to the reference; the gap is that of the first response minus
that of the second. They differ in what they make of the gap.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import RecipeError, above_zero
from ..ops import lead, tmean, tsum


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
    gap = beta * lead(tsum(logp - ref_logp, mask))
    return -(1 - smoothing) * logsigmoid(gap) - smoothing * logsigmoid(-gap)


def osp(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    target: Float[Tensor, "P"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """DPO from how strongly the first response is preferred, instead of only that it is.

        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        loss = -target log sigmoid(gap) - (1 - target) log sigmoid(-gap)

    The soft-preference cross-entropy of online self-preferring models (Zhai et al. 2024, arXiv 2405.14103), whoever
    gave the strength. `target` is the probability that the first response is the better one: at 1 the loss is `dpo`, at
    1/2 it draws the two implicit rewards together.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> osp(logp, torch.zeros_like(logp), torch.ones_like(logp), torch.tensor([0.5]), beta=1.0)
    tensor([0.8133])
    """
    gap = beta * lead(tsum(logp - ref_logp, mask))
    return -target * logsigmoid(gap) - (1 - target) * logsigmoid(-gap)


def robust_dpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
    flips: float = 0.1,
) -> Float[Tensor, "P"]:
    """DPO that is right on average where a share `flips` of the labels is turned round.

        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        loss = (-(1 - flips) log sigmoid(gap) + flips log sigmoid(-gap)) / (1 - 2 flips)

    rDPO (Chowdhury et al. 2024, arXiv 2403.00409), section 3.1. Its mean over labels flipped with this probability is
    the loss of `dpo` on the labels as they were; `smoothing` of `dpo` lowers the confidence in them instead. `flips` is
    below 1/2, where labels say nothing. Single terms fall without bound as a pair is learnt by heart.

    Raises:
        RecipeError: `flips` is not below 1/2.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> robust_dpo(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0, flips=0.25)
    tensor([-0.1867])
    """
    trust = 1 - 2 * flips
    if trust <= 0:
        raise RecipeError(
            f"`flips` of `robust_dpo` is {flips:g}: where half of the labels or more are wrong, nothing can be learnt "
            "from them. It is below 0.5; turn labels that are mostly wrong round first."
        )
    gap = beta * lead(tsum(logp - ref_logp, mask))
    return (-(1 - flips) * logsigmoid(gap) + flips * logsigmoid(-gap)) / trust


def ipo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    tau: float = 0.1,
) -> Float[Tensor, "P"]:
    """Identity preference optimisation: bring the log-ratio of the first response to a fixed lead.

        gap  = sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t)
        loss = (gap - 1 / (2 tau))^2

    Azar et al. 2023 (arXiv 2310.12036), equation 17, log-ratios summed over tokens; `ipo_per_token` averages them. The
    loss grows again where the gap is too wide, so that it ends at a finite policy also where one response is always
    preferred: the one that maximises the mean preference over the data's answers minus `tau` times the KL.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> ipo(logp, torch.zeros_like(logp), torch.ones_like(logp), tau=0.25)
    tensor([1.])
    """
    return (lead(tsum(logp - ref_logp, mask)) - 1 / (2 * tau)).square()


def ipo_per_token(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    tau: float = 0.1,
) -> Float[Tensor, "P"]:
    """`ipo` on the mean log-ratio of a token.

        gap  = mean_t (logp_0t - ref_logp_0t) - mean_t (logp_1t - ref_logp_1t)
        loss = (gap - 1 / (2 tau))^2

    Azar et al. 2023 (arXiv 2310.12036), equation 17, with each log-ratio divided by the length of its response, as TRL
    does. A response of n tokens has to move n times as far as in `ipo` with the same `tau`, and whole responses come to
    the optimum of that loss only where all are equally long.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0, -1.0], [-2.0, -2.0]]])
    >>> ipo_per_token(logp, torch.zeros_like(logp), torch.ones_like(logp), tau=0.25)
    tensor([1.])
    """
    return (lead(tmean(logp - ref_logp, mask)) - 1 / (2 * tau)).square()


def slic(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """A hinge: the gap is pushed until it is 1, and no further.

        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        loss = max(0, 1 - gap)

    The normalised hinge loss of RSO (Liu et al. 2023, arXiv 2309.06657), which sets SLiC's hinge on log-ratios to the
    reference; `slic_hf` is SLiC itself, on plain log-probabilities. A pair whose gap is 1 teaches nothing more.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> slic(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=0.25)
    tensor([0.7500])
    """
    return (1 - beta * lead(tsum(logp - ref_logp, mask))).relu()


def exo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
    smoothing: float = 1e-3,
) -> Float[Tensor, "P"]:
    """Efficient exact optimisation: the KL divergence from the policy's choice to people's, which seeks one mode.

        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        q    = sigmoid(gap)
        loss = q log(q / (1 - smoothing)) + (1 - q) log((1 - q) / smoothing)

    Ji et al. 2024 (arXiv 2402.00856), equation 16, the form for preferences with K = 2. DPO is the other direction,
    KL(people || policy). `smoothing`, above 0, is the probability that the preferred response is the worse one: with
    share p of people preferring a response the gap ends at (2 p - 1) log((1 - smoothing) / smoothing).

    Raises:
        RecipeError: `smoothing` is not above 0, and the divergence would be infinite.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> exo(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0, smoothing=0.25)
    tensor([0.0009])
    """
    above_zero("exo", smoothing=smoothing)
    gap = beta * lead(tsum(logp - ref_logp, mask))
    people = torch.tensor([1 - smoothing, smoothing], dtype=gap.dtype, device=gap.device).log()
    return gap.sigmoid() * (logsigmoid(gap) - people[0]) + (-gap).sigmoid() * (logsigmoid(-gap) - people[1])


def discopop(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.05,
    tau: float = 0.05,
) -> Float[Tensor, "P"]:
    """A blend of the logistic and the exponential loss that a language model found: the log-ratio modulated loss.

        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        m    = sigmoid(gap / tau)
        loss = -(1 - m) log sigmoid(gap) + m exp(-gap)

    DiscoPOP (Lu et al. 2024, arXiv 2406.08414), equation 5. It is not convex: with the paper's `tau` it rises between
    gaps of -0.12 and 0.07, so that a pair which starts at the reference is at first drawn back. With `tau` = 1 it falls
    everywhere.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> discopop(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0, tau=1.0)
    tensor([0.3532])
    """
    gap = beta * lead(tsum(logp - ref_logp, mask))
    exponential = (gap / tau).sigmoid()
    return -(1 - exponential) * logsigmoid(gap) + exponential * (-gap).exp()
