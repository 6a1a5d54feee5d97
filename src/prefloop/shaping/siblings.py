"""Rewards that also look at what the other answers to the same prompt say."""

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from ..binding import among_siblings, gives
from ..ops import present


@among_siblings
@gives("reward")
def diverse_win(
    win_rate: Float[Tensor, "P K"], ids: Int[Tensor, "P K T"], mask: Num[Tensor, "P K T"], *, weight: float = 0.1
) -> Float[Tensor, "P K"]:
    """How often a response wins, and more for saying what the others to its prompt do not.

        reward_i = win_rate_i + weight mean_{j != i} (1 - |S_i and S_j| / |S_i or S_j|)        S_i: the tokens of y_i

    PPR-GDE (Cao et al. 2026, arXiv 2605.18191) adds a group's diversity to pairwise preferences within it. The paper's
    is the dispersion of meanings; here it is that of tokens, by the Jaccard distance, which needs no model, and
    `weight` is this library's choice. A response without siblings gets no bonus, one that is missing 0.

    >>> import torch
    >>> ids, win_rate = torch.tensor([[[5, 7], [5, 7], [5, 8]]]), torch.full((1, 3), 0.5)
    >>> diverse_win(win_rate, ids, torch.ones(1, 3, 2), weight=0.3)
    tensor([[0.6000, 0.6000, 0.7000]])
    """
    bonus = torch.zeros_like(win_rate)
    for p, (said, chosen) in enumerate(zip(ids, mask.bool(), strict=True)):
        there = {k: set(said[k][chosen[k]].tolist()) for k in chosen.any(-1).nonzero().flatten().tolist()}
        for k, own in there.items():
            others = [1 - len(own & other) / len(own | other) for j, other in there.items() if j != k]
            bonus[p, k] = sum(others) / max(len(others), 1)
    return torch.where(present(mask), win_rate + weight * bonus, 0.0)
