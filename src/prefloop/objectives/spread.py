"""How far a reward model tells answers apart of which nobody has said anything."""

import torch
from jaxtyping import Float, Num
from torch import Tensor


def told_apart(score: Float[Tensor, "P K"], calibrated: Num[Tensor, "P K"]) -> Float[Tensor, "P"]:
    """How far the scores of the drawn responses to a prompt are apart: to be raised, and not lowered.

        value = 2 / k^2 sum_{i < j} sigmoid(|score_i - score_j|)        over the k responses that are `calibrated`

    The difference loss of MetaRM (Dou et al. 2024, arXiv 2405.00438; section 4 of Wang et al. 2024, arXiv 2401.06080).
    The slope at two equal scores is taken as 0. A prompt with fewer than two draws gives 0.

    >>> import torch
    >>> told_apart(torch.tensor([[9.0, 1.0, 0.0]]), torch.tensor([[0.0, 1.0, 1.0]]))
    tensor([0.3655])
    """
    drawn = calibrated.bool()
    two = (drawn.unsqueeze(-1) & drawn.unsqueeze(-2)).triu(1)
    apart = (score.unsqueeze(-1) - score.unsqueeze(-2)).abs().sigmoid()
    return 2 * torch.where(two, apart, 0.0).sum((-2, -1)) / drawn.sum(-1).clamp(min=1).square()
