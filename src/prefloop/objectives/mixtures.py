"""Objectives of several reward models at once: which of them a judgement follows is not known."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import RecipeError


def person_mixture(scores: Float[Tensor, "P 2 D"], traits: Float[Tensor, "P D"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison by somebody who follows one of D rewards, some more often than others.

        loss = -log sum_d w_d sigmoid(s_0d - s_1d)        w = softmax(traits of who judged)

    The likelihood of a mixture as that of MaxMin-RLHF (Chakraborty et al. 2024, arXiv 2402.08925), which puts every
    person in one group by expectation and maximisation (`learning.groups`). Here a person has a weight for each group,
    learnt with the rewards, so that it can be taken in batches: of somebody who always follows one reward the weight on
    it goes to 1. Which group is which is left open. Of one pair a person the weights say nothing.

    Raises:
        RecipeError: a person has not as many numbers as there are rewards.

    >>> import torch
    >>> person_mixture(torch.tensor([[[2.0, 1.0], [1.0, 2.0]]] * 2), torch.tensor([[0.0, 0.0], [9.0, 0.0]]))
    tensor([0.6931, 0.3133])
    """
    (*_, rewards), (*_, numbers) = scores.shape, traits.shape
    if rewards != numbers:
        raise RecipeError(
            f"there are {rewards} rewards, and {numbers} numbers about everybody who judged: give the two models as "
            "many channels, one for each group."
        )
    return _mixed(scores, traits)


def prompt_mixture(scores: Float[Tensor, "P 2 D"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison by one of several rewards, some of which weigh more after this prompt.

        loss = -log sum_k w_k sigmoid(s_0k - s_1k)        w = softmax_k( (s_0,m+k + s_1,m+k) / 2 ),  D = 2 m,  k < m

    The first stage of MiCRo (Shen et al. 2025, arXiv 2505.24846), in the form: there the weights are read from the
    prompt alone. Here they are the second half of the channels, read where the rewards are, after an answer, and the
    mean of both answers', so that they are the same for either order.

    Raises:
        RecipeError: the number of channels is odd.

    >>> import torch
    >>> prompt_mixture(torch.tensor([[[2.0, 1.0, 9.0, 0.0], [1.0, 2.0, 9.0, 0.0]]]))
    tensor([0.3133])
    """
    *_, channels = scores.shape
    if channels % 2:
        raise RecipeError(
            f"a mixture by prompt has {channels} channels: give one for each reward and one for its weight."
        )
    rewards, weights = scores.tensor_split(2, 2)
    return _mixed(rewards, weights.mean(1))


def _mixed(scores: Float[Tensor, "P 2 M"], odds: Float[Tensor, "P M"]) -> Float[Tensor, "P"]:
    """Minus the log-probability that the first is preferred by one of the rewards, drawn by its odds."""
    return -(odds.log_softmax(1) + logsigmoid(scores[:, 0] - scores[:, 1])).logsumexp(1)
