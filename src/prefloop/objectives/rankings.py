"""Objectives of reward models that learn from whole rankings, in which people may leave some responses equal."""

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor

from ..errors import RecipeError
from ..ops import present

MOST = 10
"""Responses of a ranking: every set of them is gone through, a thousand at this number."""
NEVER = -1e30
"""The logarithm of a probability of 0; a finite one, so that no gradient is lost to infinity minus infinity."""


def ranking(score: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], label: Float[Tensor, "P K"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a ranking with ties, by the model of Plackett and Luce.

        P(order) = prod_k exp(score_k) / sum_{i not before k} exp(score_i)
        loss     = -log sum P(order)        over all orders that agree with the labels

    Luce 1959 and Plackett 1975: the best is chosen first, then the best of what is left. `label` ranks the responses,
    higher is better. Equal labels mean that people did not say which of the two is better, so that all their orders
    count: the exact likelihood of tied times of Kalbfleisch and Prentice 1973, not Breslow's approximation, which
    draws the scores of equals together. So responses that are last together say nothing of each other, and a choice
    of one of K is `kway_choice`; a pair is `bradley_terry`. The sum is taken by a recursion over sets of responses,
    so that a ranking has at most 10. Missing responses leave it.

    Raises:
        RecipeError: there are more responses than that.

    >>> import torch
    >>> score, mask = torch.tensor([[1.0, 0.0, 0.0]]), torch.ones(1, 3, 1)
    >>> ranking(score, mask, torch.tensor([[2.0, 1.0, 0.0]])), ranking(score, mask, torch.tensor([[1.0, 0.0, 0.0]]))
    (tensor([1.2446]), tensor([0.5514]))
    """
    responses = score.shape[1]
    if responses > MOST:
        raise RecipeError(
            f"`ranking` was given {responses} responses to a prompt, and goes through all sets of them: rank at most "
            f"{MOST}, or learn from pairs of them (--as pairs)."
        )
    chosen = _members(responses, score.device)
    next_one = _chosen_next(score, present(mask), label, chosen)
    sizes, places = chosen.sum(1), torch.arange(len(chosen), device=score.device)
    whole = score.new_zeros(len(score), len(chosen))
    for size in range(1, responses + 1):
        sets = places[sizes == size]
        last = chosen[sets].nonzero()[:, 1].view(-1, size)  # each of them may have been chosen last
        before = sets.unsqueeze(1) - 2**last
        so_far = (whole[:, before] + next_one[:, before, last]).logsumexp(-1)
        whole = whole.index_copy(1, sets, so_far)
    return -whole[:, -1]


def _members(responses: int, device: torch.device) -> Bool[Tensor, "S K"]:
    """Every set of responses: set number n has response i where bit i of n is 1."""
    sets = torch.arange(2**responses, device=device).unsqueeze(1)
    return (sets >> torch.arange(responses, device=device)) % 2 == 1


def _chosen_next(
    score: Float[Tensor, "P K"],
    there: Bool[Tensor, "P K"],
    label: Float[Tensor, "P K"],
    chosen: Bool[Tensor, "S K"],
) -> Float[Tensor, "P S K"]:
    """The log-probability that a response comes next where these were chosen, as far as the labels allow it.

    Missing responses come last and in their own order, which is certain.
    """
    standing = torch.where(there, score, NEVER)
    left = torch.where(chosen, NEVER, standing.unsqueeze(1)).logsumexp(-1, keepdim=True)
    place = torch.arange(label.shape[1], device=label.device)
    better, other = label.unsqueeze(1) > label.unsqueeze(2), there.unsqueeze(1)
    first = torch.where(there.unsqueeze(2), other & better, other | (place < place.unsqueeze(1))).long()
    waiting = (first.unsqueeze(1) * (~chosen).long().unsqueeze(1)).sum(-1)
    certain = torch.where(there.unsqueeze(1), score.unsqueeze(1) - left, 0.0)
    return torch.where(chosen | (waiting > 0), NEVER, certain)
