"""Objectives on the hidden states of a reward model, which stand beside that of the comparisons."""

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor
from torch.nn.functional import cosine_similarity, log_softmax, logsigmoid, normalize


def simcse(views: Float[Tensor, "P 2 2 D"], *, temperature: float = 0.05) -> Float[Tensor, "P"]:
    """Know the difference between the two responses of a pair again among those of all pairs.

        d_pv = views_p0v - views_p1v                               difference of pair p, in its view v
        loss = -log( exp(cos(d_p0, d_p1) / temperature) / sum_q exp(cos(d_p0, d_q1) / temperature) )

    The auxiliary loss of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080) that learns preferences apart by
    SimCSE (Gao et al. 2021, arXiv 2104.08821), in the form on differences of the two responses' hidden states; q runs
    over all pairs of the batch, p among them. There the two views are two passes with dropout in the model. Here they
    differ by dropout on the last hidden state alone (`models.views`), for want of dropout in the models. `temperature`
    is above 0. Of one pair alone there is nothing to learn.

    >>> import torch
    >>> apart = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 2.0], [0.0, 0.0]]])
    >>> simcse(apart.unsqueeze(2).expand(-1, -1, 2, -1), temperature=1.0)
    tensor([0.3133, 0.3133])
    """
    one, other = normalize(views[:, 0] - views[:, 1], dim=-1).unbind(1)
    return -log_softmax(one @ other.T / temperature, 1).diagonal()


def goal_states(states: Float[Tensor, "P 2 T D"], mask: Num[Tensor, "P 2 T"]) -> Float[Tensor, "P"]:
    """Bring each state of the preferred response near to its later ones, and away from those of the other response.

        loss = -mean_{t < u} log sigmoid(cos(states_0t, states_0u))
               -mean_{t, u}  log sigmoid(-cos(states_0t, states_1u))

    over the tokens that the model chose. The contrastive loss of goal-conditioned reward models (Nath et al. 2024,
    arXiv 2407.13887), in which a later state of a preferred response is a goal that is reached. There a few states of
    each response are drawn, and their code takes the logarithm of a mean; here all are read, every goal is later than
    its state, and logarithms are averaged. Of a response of one token there is no later state, and the first part is 0.

    >>> import torch
    >>> states = torch.tensor([[[[1.0, 0.0], [2.0, 0.0]], [[-1.0, 0.0], [0.0, 1.0]]]])
    >>> goal_states(states, torch.tensor([[[1, 1], [1, 0]]]))
    tensor([0.6265])
    """
    (own, other), (there, elsewhere) = states.unbind(1), mask.bool().unbind(1)
    later = torch.ones(mask.shape[-1], mask.shape[-1], dtype=torch.bool, device=mask.device).triu(1)
    reached = -logsigmoid(_cosines(own, own))
    missed = -logsigmoid(-_cosines(own, other))
    return _mean(reached, there[:, :, None] & there[:, None] & later) + _mean(
        missed, there[:, :, None] & elsewhere[:, None]
    )


def _cosines(a: Float[Tensor, "P T D"], b: Float[Tensor, "P U D"]) -> Float[Tensor, "P T U"]:
    return cosine_similarity(a[:, :, None], b[:, None], dim=-1)


def _mean(x: Float[Tensor, "P T U"], counted: Bool[Tensor, "P T U"]) -> Float[Tensor, "P"]:
    return torch.where(counted, x, 0.0).sum((-2, -1)) / counted.sum((-2, -1)).clamp(min=1)
