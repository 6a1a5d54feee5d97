"""Objectives of reward models that learn how probable it is that people like a single response."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..binding import learns_from
from ..errors import above_zero
from ..ops import present


@learns_from("thumbs")
def p_love(
    score: Float[Tensor, "P K"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    *,
    liked: float = 1.0,
    disliked: float = 1.0,
) -> Float[Tensor, "P K"]:
    """Cross-entropy of thumbs, of which the two kinds may count differently.

        loss = -liked log sigmoid(score) where the label is above 0, else -disliked log sigmoid(-score)

    P[Love] of RLUF (Han et al. 2025, arXiv 2505.14946) is a classifier of the probability that an answer is loved; the
    class weights are a common way with rare classes, and ours. The weights move every log-odds by the same amount:
    the probability that an answer is liked is sigmoid(score - log(liked / disliked)). Missing responses give 0.

    Raises:
        RecipeError: a weight is not above 0.

    >>> import torch
    >>> p_love(torch.zeros(1, 2), torch.ones(1, 2, 1), torch.tensor([[1.0, 0.0]]), liked=2.0)
    tensor([[1.3863, 0.6931]])
    """
    above_zero("p_love", liked=liked, disliked=disliked)
    up = (label > 0).to(score)
    return _weighed(score, mask, label, liked * up + disliked * (1 - up))


@learns_from("thumbs")
def balanced_p_love(
    score: Float[Tensor, "P K"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    liked_share: Float[Tensor, "P"],
) -> Float[Tensor, "P K"]:
    """`p_love` with the weights at which all that was liked counts as much as all that was not.

        liked = 1 / (2 share)        disliked = 1 / (2 (1 - share))

    share is that of the liked answers in all the data (`liked_share`), so that the weights are 1 on average and a rare
    thumb is not outvoted. The probability that an answer is liked is sigmoid(score + log(share / (1 - share))).

    >>> import torch
    >>> label, share = torch.tensor([[1.0, 0.0]]), torch.tensor([0.25])
    >>> balanced_p_love(torch.zeros(1, 2), torch.ones(1, 2, 1), label, share)
    tensor([[1.3863, 0.4621]])
    """
    share = liked_share.unsqueeze(1).to(score)
    return _weighed(score, mask, label, torch.where(label > 0, 1 / share, 1 / (1 - share)) / 2)


def _weighed(
    score: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], label: Float[Tensor, "P K"], weight: Float[Tensor, "P K"]
) -> Float[Tensor, "P K"]:
    said = torch.where(label > 0, logsigmoid(score), logsigmoid(-score))
    return -torch.where(present(mask), weight * said, 0.0)
