"""Objectives that keep the length of an answer out of what a reward model calls its quality.

They read a model of two channels, the quality first and the length second.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import final, lead, present


def summed_bradley_terry(scores: Float[Tensor, "P 2 D"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison by the sum of all channels.

        loss = -log sigmoid( sum_d scores_0d - sum_d scores_1d )

    The ranking loss of ODIN (Chen et al. 2024, arXiv 2402.07319): quality and length explain the choice together.

    >>> import torch
    >>> summed_bradley_terry(torch.tensor([[[2.0, 0.0], [0.0, 1.0]]]))
    tensor([0.3133])
    """
    return -logsigmoid(lead(scores.sum(-1)))


def length_correlation(scores: Float[Tensor, "P K 2"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P"]:
    """How far the quality goes along with the length, and how little the length channel does.

        loss = |rho(scores_quality, length)| - rho(scores_length, length)

    with Pearson's correlation over all responses of the batch, the same number for every prompt. The length loss of
    ODIN (Chen et al. 2024, arXiv 2402.07319). The length is the place of the last chosen token; missing responses are
    left out. Where all are of one length, or a channel says the same of all, that correlation is 0.

    >>> import torch
    >>> scores = torch.tensor([[[1.0, 3.0], [1.0, 4.0], [4.0, 5.0]]])
    >>> length_correlation(scores, torch.tensor([[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]))
    tensor([-0.1340])
    """
    there = present(mask)
    length = final(mask)[there].to(scores)
    quality, long = (_correlation(channel, length) for channel in scores[there].unbind(-1))
    return (quality.abs() - long).expand(len(scores))


def channels_apart(overlap: Float[Tensor, "P D D"]) -> Float[Tensor, "P"]:
    """How far the channels of a reward model look the same way.

        loss = sum_{i < j} |overlap_ij|        overlap_ij = w_i w_j / (|w_i| |w_j|)

    with w_i the weights that channel i reads the hidden state by. The orthogonality loss of ODIN (Chen et al. 2024,
    arXiv 2402.07319), whose heads it normalises; here they keep their length, and the cosine is held down.

    >>> import torch
    >>> channels_apart(torch.tensor([[[1.0, -0.25], [-0.25, 1.0]]]))
    tensor([0.2500])
    """
    return overlap.triu(1).abs().sum((-2, -1))


def _correlation(x: Float[Tensor, "N"], y: Float[Tensor, "N"]) -> Float[Tensor, ""]:
    x, y = (z - z.mean() for z in (x, y))
    spread = x.square().sum() * y.square().sum()
    # of a channel that says nothing yet the root has no slope
    return torch.where(spread > 0, (x * y).sum() / torch.where(spread > 0, spread, 1.0).sqrt(), 0.0)
