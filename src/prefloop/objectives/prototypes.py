"""Objectives of a reward model that also tells by prototypes what sets the two responses of a pair apart.

They read a model whose first channel is the reward; what the others read the hidden state by are the prototypes.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import log_softmax, normalize

from ..errors import RecipeError, above_zero, at_least
from ..ops import sinkhorn
from .rewards import bradley_terry


def first_bradley_terry(scores: Float[Tensor, "P 2 D"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison by the first channel alone, the preferred response at index 0.

        loss = -log sigmoid(scores_00 - scores_10)

    `rewards.bradley_terry` of a model whose other channels are no rewards.

    >>> import torch
    >>> first_bradley_terry(torch.tensor([[[2.0, 0.0], [1.0, 5.0]]]))
    tensor([0.3133])
    """
    return bradley_terry(scores[..., 0])


def swav(
    views: Float[Tensor, "P 2 2 H"],
    directions: Float[Tensor, "P D H"],
    *,
    temperature: float = 0.1,
    epsilon: float = 0.05,
    rounds: int = 3,
) -> Float[Tensor, "P"]:
    """Tell by one view of a pair's difference which prototypes its other view belongs to.

        z_v  = d_v / |d_v|,  d_v = views_0v - views_1v              difference of the pair, in its view v
        c_k  = directions_k / |directions_k|                        k from 1: the first channel is the reward
        p_v  = softmax_k(z_v . c_k / temperature)
        q_v  = Diag(u) exp(z_v . c_k / epsilon) Diag(v)             over all pairs of the batch, no gradient
        loss = -sum_k ( q_0k log p_1k + q_1k log p_0k )

    The codes q share the pairs of the batch out among the prototypes, each of which gets as many (`ops.sinkhorn`): that
    keeps all from having one code. SwAV (Caron et al. 2020, arXiv 2006.09882, equations 1 to 5), with one batch and no
    queue of earlier ones, as the other auxiliary loss of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080), whose
    equation of it was not seen: in the form on differences, as `contrastive.simcse` is. The two views differ by
    dropout on the last hidden state alone (`models.views`). `temperature` and `epsilon` are above 0; with an `epsilon`
    as large as the `temperature`, codes say no more than p does. Of one pair alone the code is even.

    Raises:
        RecipeError: the model has fewer than two prototypes, or a knob has no meaning.

    >>> import torch
    >>> apart = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [2.0, 0.0]]])
    >>> prototypes = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-3.0, 0.0]]).expand(2, -1, -1)
    >>> swav(apart.unsqueeze(2).expand(-1, -1, 2, -1), prototypes, temperature=1.0, epsilon=0.5)
    tensor([0.3258, 0.3258])
    """
    above_zero("swav", temperature=temperature, epsilon=epsilon)
    at_least("swav", 1, rounds=rounds)
    _, channels, _ = directions.shape
    if channels < 3:
        raise RecipeError(
            f"`swav` was given {channels} channels: it takes the reward first and two prototypes at least, "
            'channels=("reward", "prototype 1", "prototype 2").'
        )
    apart, prototypes = normalize(views[:, 0] - views[:, 1], dim=-1), normalize(directions[:, 1:], dim=-1)
    near = torch.einsum("pvh,pkh->vpk", apart, prototypes)
    one, other = (sinkhorn(view.detach() / epsilon, rounds=rounds) for view in near)
    return -(torch.stack([other, one]) * log_softmax(near / temperature, -1)).sum((0, -1))
