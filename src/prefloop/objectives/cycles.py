"""Objectives of models of preference that may go round in circles: a before b, b before c, and c before a."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import lead, round_about


def general_preference(scores: Float[Tensor, "P 2 D"], *, tau: float = 1.0) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison between two embeddings, the preferred response at index 0.

        s    = sum_m (v_0,2m v_1,2m+1 - v_0,2m+1 v_1,2m)        v_i the D = 2 m channels of response i
        loss = -log sigmoid(s / tau)

    The general preference model (Zhang et al. 2024, arXiv 2410.02197): s is <R v_0, v_1> with R a skew-symmetric
    operator that turns every two channels by a right angle, so that s is its own opposite for the other order. Here the
    embeddings are not brought to length 1, and every plane weighs the same. A turn of each plane by an angle of its own
    changes nothing. Embeddings that are all 0 have no gradient: a new head is drawn at random.

    Raises:
        RecipeError: the number of channels is odd.

    >>> import torch
    >>> v = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> general_preference(v), general_preference(v.flip(1))
    (tensor([0.3133]), tensor([1.3133]))
    """
    return -logsigmoid(round_about(scores) / tau)


def hybrid_preference(scores: Float[Tensor, "P 2 D"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison by a reward and a cyclic part, the preferred response at index 0.

        s    = r_0 - r_1 + sum_m (v_0,2m v_1,2m+1 - v_0,2m+1 v_1,2m)
        loss = -log sigmoid(s)

    The hybrid reward-cyclic model (Huang et al. 2026, arXiv 2605.17342), in the form of a sum: channel 0 is a reward r
    as in `bradley_terry`, which holds what is transitive, and the other 2 m are an embedding v as in
    `general_preference`, for what goes round. The two parts are not forced to be orthogonal: a cyclic part that does
    not average to 0 over the responses can take over some of r.

    Raises:
        RecipeError: the number of channels is even.

    >>> import torch
    >>> hybrid_preference(torch.tensor([[[1.0, 1.0, 0.0], [0.5, 0.0, 1.0]]]))
    tensor([0.2014])
    """
    return -logsigmoid(lead(scores[..., 0]) + round_about(scores[..., 1:]))
