"""What other reward models make of judged pairs: how strong a preference is, and how much they disagree about it."""

from jaxtyping import Float
from torch import Tensor

from ..binding import gives


@gives("strength", "doubt")
def votes(reward: Float[Tensor, "P 2 D"]) -> tuple[Float[Tensor, "P"], Float[Tensor, "P"]]:
    """How far voting reward models put the first of two responses ahead: the mean and the deviation of their leads.

        strength = 1/D sum_d lead_d        doubt = sqrt( 1/D sum_d (lead_d - strength)^2 )
        lead_d   = reward_0d - reward_1d

    The preference strength of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080), by D reward models fitted to the
    same pairs in other orders. Far below 0 the label is most likely wrong, near 0 the pair tells little.

    >>> import torch
    >>> votes(torch.tensor([[[2.0, 4.0], [1.0, 1.0]]]))
    (tensor([2.]), tensor([1.]))
    """
    leads = reward[:, 0] - reward[:, 1]
    return leads.mean(-1), leads.std(-1, correction=0)


@gives("target")
def voted_target(strength: Float[Tensor, "P"]) -> Float[Tensor, "P"]:
    """The probability that the first of two responses is the better one, as far as the voters know.

        target = sigmoid(strength)

    The soft label of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080), for `soft_bradley_terry`.

    >>> import torch
    >>> voted_target(torch.tensor([0.0, 1.0]))
    tensor([0.5000, 0.7311])
    """
    return strength.sigmoid()
