"""Objectives of reward models: scores that explain which response people chose, which is at index 0."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid

from ..errors import at_least
from ..ops import lead, present


def bradley_terry(score: Float[Tensor, "P 2"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison, the preferred response at index 0.

        loss = -log sigmoid(score_0 - score_1)

    Bradley and Terry 1952; for language models Ouyang et al. 2022 (arXiv 2203.02155), equation 1, whose average over
    the pairs of a prompt is left to the reducer. The plain form: no margin, no ties.

    >>> import torch
    >>> bradley_terry(torch.tensor([[2.0, 1.0], [0.0, 0.0]]))
    tensor([0.3133, 0.6931])
    """
    return -logsigmoid(lead(score))


def kway_choice(score: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of choosing the best of K responses, which is at index 0.

        loss = -log( exp(score_0) / sum_i exp(score_i) )        i over the responses that are there

    Ziegler et al. 2019 (arXiv 1909.08593), equation 1 (there K = 4), with the sign turned to a loss. Missing responses
    leave the sum; a prompt whose index 0 is missing says nothing and gives 0. With K = 2 it is `bradley_terry`.

    >>> import torch
    >>> kway_choice(torch.tensor([[1.0, 0.0, 5.0]]), torch.tensor([[[1], [1], [0]]]))
    tensor([0.3133])
    """
    there = present(mask)
    standing = score.masked_fill(~there, -torch.inf)
    return torch.where(there[:, 0], -log_softmax(standing, -1)[:, 0], 0.0)


def margin_bradley_terry(
    score: Float[Tensor, "P 2"], target: Float[Tensor, "P"], *, most: float = 1.0, grades: int = 4
) -> Float[Tensor, "P"]:
    """`bradley_terry` in which a preference that people were surer of asks for a wider lead.

        loss   = -log sigmoid(score_0 - score_1 - margin)
        margin = most max(0, strength - 1) / (grades - 1)        strength = grades (2 target - 1), from 1 to `grades`

    Llama 2 (Touvron et al. 2023, arXiv 2307.09288), section 3.2.2, whose margin is a discrete function of the strength.
    With its four grades these are its two sets of margins: 0, 1/3, 2/3 and 1 with `most` 1, and 0, 1, 2 and 3 with
    `most` 3. `target` is 1/2 + strength / (2 grades), as the strengths of a feedback store become it; the weakest grade
    and a tie have no margin. A margin is in the unit of the score, and the scores are no log-odds of people's choices.

    Raises:
        RecipeError: `grades` is below 2.

    >>> import torch
    >>> margin_bradley_terry(torch.tensor([[2.0, 1.0]] * 2), torch.tensor([0.625, 1.0]))
    tensor([0.3133, 0.6931])
    """
    at_least("margin_bradley_terry", 2, grades=grades)
    strength = grades * (2 * target - 1)
    margin = most * (strength - 1).clamp(min=0) / (grades - 1)
    return -logsigmoid(lead(score) - margin)


def soft_bradley_terry(score: Float[Tensor, "P 2"], target: Float[Tensor, "P"]) -> Float[Tensor, "P"]:
    """Cross-entropy of a comparison with the share of people, or the probability, that prefers the first response.

        loss = -target log sigmoid(score_0 - score_1) - (1 - target) log sigmoid(score_1 - score_0)

    The soft labels of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080), in the form for any `target` from 0 to
    1. Where several people judged a pair it is their likelihood, divided by how many they were. A target of 1/2 is no
    missing label: it draws the two scores together.

    >>> import torch
    >>> soft_bradley_terry(torch.tensor([[2.0, 1.0]] * 3), torch.tensor([1.0, 0.75, 0.5]))
    tensor([0.3133, 0.5633, 0.8133])
    """
    return -target * logsigmoid(lead(score)) - (1 - target) * logsigmoid(-lead(score))


def smoothed_bradley_terry(score: Float[Tensor, "P 2"], *, smoothing: float = 0.1) -> Float[Tensor, "P"]:
    """`bradley_terry` with smoothed labels: no pair is certain, so that scores do not run apart for ever.

        loss = -(1 - smoothing) log sigmoid(score_0 - score_1) - smoothing log sigmoid(score_1 - score_0)

    The label smoothing of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080), with the weight `smoothing` on the
    other order, 0 to 1/2. It is lowest at log-odds of (1 - smoothing) p + smoothing (1 - p), p being how often people
    prefer the first: it shrinks what it learns, where `known_flips` says that the data were shrunk.

    >>> import torch
    >>> smoothed_bradley_terry(torch.tensor([[2.0, 1.0]]), smoothing=0.25)
    tensor([0.5633])
    """
    return -(1 - smoothing) * logsigmoid(lead(score)) - smoothing * logsigmoid(-lead(score))
