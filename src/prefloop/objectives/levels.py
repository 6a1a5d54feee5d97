"""Objectives of answers that are compared with themselves under other prompts, and of gaps under two prompts.

A row is one comparison. Of two responses the first is the better one, each after the prompt that it answers: two
answers to one prompt, or one answer to two prompts. Of four, y and y' after the prompt x+ and then both after x-, the
gap between the two is the wider after x+.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..binding import learns_from
from ..ops import present, tsum


@learns_from("pairs")
def mapl(score: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, inter: float = 1.0) -> Float[Tensor, "P"]:
    """Negative log-likelihood of comparisons of answers, of prompts, and of how far two answers are apart.

        loss = -log sigmoid(score_0 - score_1)                                        of two responses
        loss = -inter log sigmoid((score_0 - score_1) - (score_2 - score_3))          of four

    Multi-level aware preference learning, MAPL (Sun et al. 2025, arXiv 2505.12845), for reward models, in the form of
    Bradley and Terry at each level. Intra-sample: r(x+, y) > r(x-, y), the first line with one answer under two
    prompts. Inter-sample: one pair of answers is further apart than another, the second line; here the two pairs hold
    the same answers, so that what is compared is what the prompt adds. Both fix what no pair of answers to one prompt
    does, how the reward of a prompt stands to that of another. Rows with a response missing, or with three, give 0.

    >>> import torch
    >>> score = torch.tensor([[2.0, 1.0, 0.0, 0.0], [2.0, 1.0, 1.0, 1.0]])
    >>> mapl(score, torch.tensor([[[1], [1], [0], [0]], [[1], [1], [1], [1]]]), inter=2.0)
    tensor([0.3133, 0.6265])
    """
    return _at_each_level(score, present(mask), inter)


@learns_from("pairs")
def mapl_dpo(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    beta: float = 0.1,
    inter: float = 1.0,
) -> Float[Tensor, "P"]:
    """`mapl` on implicit rewards.

        h_i  = beta sum_t (logp_it - ref_logp_it)        each after the prompt that response i answers
        loss = -log sigmoid(h_0 - h_1), or -inter log sigmoid((h_0 - h_1) - (h_2 - h_3))

    MAPL (Sun et al. 2025, arXiv 2505.12845) for DPO. At DPO's optimum h = r(x, y) - beta log Z(x). In two answers to
    one prompt Z cancels, and so it does in a comparison of gaps; in one answer to two prompts it does not, so that
    people's r is learnt there as it is only where the two Z are equal.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> mapl_dpo(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0)
    tensor([0.3133])
    """
    return _at_each_level(beta * tsum(logp - ref_logp, mask), present(mask), inter)


def _at_each_level(reward: Tensor, there: Tensor, inter: float) -> Tensor:
    ahead, answers = reward[:, 0] - reward[:, 1], there.sum(-1)
    pair = torch.where(answers == 2, -logsigmoid(ahead), 0.0)
    if reward.shape[1] < 4:
        return pair
    wider = ahead - (reward[:, 2] - reward[:, 3])
    return torch.where(answers == 4, -inter * logsigmoid(wider), pair)
