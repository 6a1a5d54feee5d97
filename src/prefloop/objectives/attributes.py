"""Objectives of reward models of several channels, each of which stands for something people rated by itself."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..binding import learns_from
from ..ops import lead


@learns_from("ratings")
def attributes(scores: Float[Tensor, "P K D"], aspect: Float[Tensor, "P K D"]) -> Float[Tensor, "P K"]:
    """Squared error of every channel for which there is a rating.

        loss = sum_d (scores_d - aspect_d)^2        d over the channels that somebody rated

    The regression of HelpSteer2 (Wang et al. 2024, arXiv 2406.08673) on five attributes, and the first stage of ArmoRM
    (Wang et al. 2024, arXiv 2406.12845) on the ratings of several data sets, none of which rates everything. What
    nobody rated is NaN in `aspect`; it gives 0 and has no gradient. Summed, and not averaged, over what was rated: one
    rating counts as much as another, wherever it stands.

    >>> import torch
    >>> attributes(torch.tensor([[[3.0, 1.0]]]), torch.tensor([[[4.0, torch.nan]]]))
    tensor([[1.]])
    """
    return torch.where(aspect.isnan(), 0.0, scores - aspect.nan_to_num()).square().sum(-1)


def gated_bradley_terry(scores: Float[Tensor, "P 2 D"], gate: Float[Tensor, "P D"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison by the channels' mean, in which the prompt says how much each counts.

        loss  = -log sigmoid(score_0 - score_1)
        score = sum_d gate_d scores_d                gate_d > 0, sum_d gate_d = 1

    The second stage of ArmoRM (Wang et al. 2024, arXiv 2406.12845), in which the gate alone is learnt: the trunk and
    the channels stay as the first stage left them. Without the paper's learnt factor on the whole score.

    >>> import torch
    >>> gated_bradley_terry(torch.tensor([[[2.0, 0.0], [0.0, 1.0]]]), torch.tensor([[0.5, 0.5]]))
    tensor([0.4741])
    """
    return -logsigmoid(lead((scores * gate.unsqueeze(1)).sum(-1)))
