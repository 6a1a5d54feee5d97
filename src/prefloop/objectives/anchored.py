"""Objectives on pairs, the preferred response at index 0, that say where each response goes and not only their gap."""

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import lead, tsum


def nca(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """Noise-contrastive alignment of pairs: tell preferred answers from answers of the reference.

        h_i  = beta sum_t (logp_it - ref_logp_it)
        loss = -log sigmoid(h_0) - 1/2 log sigmoid(-h_0) - 1/2 log sigmoid(-h_1)

    Chen et al. 2024 (arXiv 2402.05369), section 4.1, the form for preferences with K = 2. `dpo` compares the two
    responses with each other; this says how likely each should be. With `beta` = 1 and pairs drawn from the reference,
    the optimum is 2 pi_ref(y) times the probability that y is preferred to another draw, which sums to 1 by itself.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> nca(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0)
    tensor([1.5334])
    """
    h = beta * tsum(logp - ref_logp, mask)
    return -logsigmoid(h[:, 0]) - 0.5 * (logsigmoid(-h[:, 0]) + logsigmoid(-h[:, 1]))


def apo_zero(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """Anchored preference optimisation for preferred answers that are better than the policy's: up with them.

        h_i  = beta sum_t (logp_it - ref_logp_it)
        loss = sigmoid(-h_0) + sigmoid(h_1)

    D'Oosterlinck et al. 2024 (arXiv 2408.06266), equation 7. The preferred response becomes likelier than under the
    reference and the other less likely, each by itself; both effects saturate.

    >>> import torch
    >>> logp = torch.tensor([[[1.0], [-1.0]]])
    >>> apo_zero(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0)
    tensor([0.5379])
    """
    h = beta * tsum(logp - ref_logp, mask)
    return (-h[:, 0]).sigmoid() + h[:, 1].sigmoid()


def apo_down(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """Anchored preference optimisation for preferred answers that are worse than the policy's: down with both.

        h_i  = beta sum_t (logp_it - ref_logp_it)
        loss = sigmoid(h_0) + sigmoid(h_1 - h_0)

    D'Oosterlinck et al. 2024 (arXiv 2408.06266), equation 8. Even the preferred response becomes less likely than
    under the reference, and the other falls faster.

    >>> import torch
    >>> logp = torch.tensor([[[1.0], [-1.0]]])
    >>> apo_down(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0)
    tensor([0.8503])
    """
    h = beta * tsum(logp - ref_logp, mask)
    return h[:, 0].sigmoid() + (-lead(h)).sigmoid()
