"""Objectives on pairs, the preferred response at index 0, that ask no reference model."""

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import lead, log_odds, tmean, tsum


def simpo(
    logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"], *, beta: float = 2.0, gamma: float = 1.0
) -> Float[Tensor, "P"]:
    """Simple preference optimisation: the implicit reward is what the sampler maximises, the mean log-probability.

        h_i  = beta mean_t logp_it
        loss = -log sigmoid(h_0 - h_1 - gamma)

    Meng et al. 2024 (arXiv 2405.14734), equation 6. `gamma` is the margin by which the preferred response should lead,
    in units of h. Nothing holds the policy to where it began but a small learning rate.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0, -1.0], [-2.0, -2.0]]])
    >>> simpo(logp, torch.ones_like(logp), beta=1.0, gamma=0.0)
    tensor([0.3133])
    """
    return -logsigmoid(beta * lead(tmean(logp, mask)) - gamma)


def cpo(logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"], *, beta: float = 0.1) -> Float[Tensor, "P"]:
    """Contrastive preference optimisation: DPO with a uniform reference.

        h_i  = beta sum_t logp_it
        loss = -log sigmoid(h_0 - h_1)

    Xu et al. 2024 (arXiv 2401.08417), equation 3: the term of preferences, beside which the paper sets `nll_of_best`.
    Log-probabilities are summed, so that a short response is ahead by its length.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> cpo(logp, torch.ones_like(logp), beta=1.0)
    tensor([0.3133])
    """
    return -logsigmoid(beta * lead(tsum(logp, mask)))


def orpo(logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"]) -> Float[Tensor, "P"]:
    """The odds ratio of two responses, each with the geometric mean of its tokens' probabilities.

        log odds_i = log( p_i / (1 - p_i) )        log p_i = mean_t logp_it
        loss       = -log sigmoid(log odds_0 - log odds_1)

    ORPO (Hong et al. 2024, arXiv 2403.07691), equation 7: the term of preferences, which the paper adds with a weight
    of its own to `nll_of_best_per_token` (equation 6).

    >>> import torch
    >>> logp = torch.tensor([[[0.5], [0.25]]]).log()
    >>> orpo(logp, torch.ones_like(logp))
    tensor([0.2877])
    """
    return -logsigmoid(lead(log_odds(tmean(logp, mask))))


def slic_hf(logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"], *, margin: float = 1.0) -> Float[Tensor, "P"]:
    """Sequence likelihood calibration: a hinge on plain log-probabilities.

        loss = max(0, margin - sum_t logp_0t + sum_t logp_1t)

    SLiC-HF (Zhao et al. 2023, arXiv 2305.10425), section 2: the calibration, beside which the paper sets the likelihood
    of a target that is to be kept. `margin` is in nats. `slic` is the hinge on log-ratios to the reference.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-1.25]]])
    >>> slic_hf(logp, torch.ones_like(logp))
    tensor([0.7500])
    """
    return (margin - lead(tsum(logp, mask))).relu()


def cpl(
    logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    alpha: float = 0.1,
    gamma: float = 1.0,
    bias: float = 1.0,
) -> Float[Tensor, "P"]:
    """Contrastive preference learning: people prefer the response with less regret, step by step.

        S_i  = sum_n gamma^n alpha logp_in        n = 0, 1, ... over the tokens that the model chose
        loss = -log sigmoid(S_0 - bias S_1)

    Hejna et al. 2023 (arXiv 2310.13639). alpha log pi is the advantage of the best policy at the price alpha of
    entropy, so that its discounted sum takes the place of a reward, and no reference or reward model is needed. `bias`
    below 1 is the paper's conservative form: it lets the policy prefer what it has seen to what it has not.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0, -2.0], [-2.0, -2.0]]])
    >>> cpl(logp, torch.ones_like(logp), alpha=1.0, gamma=0.5)
    tensor([0.3133])
    """
    discount = gamma ** (mask.cumsum(-1) - 1).to(logp)
    worth = alpha * tsum(discount * logp, mask)
    return -logsigmoid(worth[:, 0] - bias * worth[:, 1])
