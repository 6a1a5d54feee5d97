"""Objectives that read how far the policy's whole next-token distribution is from another, at every token."""

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import lead, tsum


def tdpo1(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    token_kl: Float[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """Token-level DPO, first form: an answer is worth its log-ratio and the divergence along its way.

        v_i  = sum_t (logp_it - ref_logp_it) + sum_t token_kl_it
        loss = -log sigmoid(beta (v_0 - v_1))

    TDPO_1 of Zeng et al. 2024 (arXiv 2404.11999), equation 15, `token_kl` being `kl_from_reference`. Each token is then
    worth its advantage over the reference's own next token: Bradley-Terry on the regret of every step.

    >>> import torch
    >>> logp, kl = torch.tensor([[[-1.0], [-2.0]]]), torch.tensor([[[0.5], [1.5]]])
    >>> tdpo1(logp, torch.zeros_like(logp), torch.ones_like(logp), kl, beta=1.0)
    tensor([0.6931])
    """
    return -logsigmoid(beta * lead(tsum(logp - ref_logp + token_kl, mask)))


def tdpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    token_kl: Float[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
    alpha: float = 0.5,
) -> Float[Tensor, "P"]:
    """Token-level DPO: a gap from which the divergence along the worse answer is deducted.

        rho_i = sum_t (logp_it - ref_logp_it),   d_i = sum_t token_kl_it
        loss  = -log sigmoid(beta (rho_0 - rho_1 - alpha (d_1 - d_0)))        d_0 with no gradient

    TDPO_2 of Zeng et al. 2024 (arXiv 2404.11999), equation 17, `token_kl` being `kl_from_reference`: the divergence is
    held down along the worse answer and not driven up along the preferred one. At `alpha` 0 it is `dpo`.

    >>> import torch
    >>> logp, kl = torch.tensor([[[-1.0], [-2.0]]]), torch.tensor([[[0.5], [1.5]]])
    >>> tdpo(logp, torch.zeros_like(logp), torch.ones_like(logp), kl, beta=1.0, alpha=1.0)
    tensor([0.6931])
    """
    preferred, other = tsum(token_kl, mask).unbind(1)
    return -logsigmoid(beta * (lead(tsum(logp - ref_logp, mask)) - alpha * (other - preferred.detach())))


def distilled(token_kl: Float[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """The divergence to a teacher itself, one term a token.

        loss = token_kl

    >>> import torch
    >>> distilled(torch.tensor([[[0.5, 0.25]]]))
    tensor([[[0.5000, 0.2500]]])
    """
    return token_kl
