"""Rewards bent, moved or cut: one number of a response becomes another one of the same response."""

import math

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..binding import gives
from ..errors import RecipeError
from ..ops import present, whiten


@gives("reward")
def centred(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """Rewards minus the mean reward of all responses in the batch; 0 where a response is missing.

        reward = reward - mean reward

    Does not change which policy is best, nor what is compared within a group. The mean is the batch's own, where some
    systems keep a running one.

    >>> import torch
    >>> centred(torch.tensor([[1.0, 4.0]]), torch.ones(1, 2, 1))
    tensor([[-1.5000,  1.5000]])
    """
    there = present(mask)
    mean = torch.where(there, reward, 0.0).sum() / there.sum()
    return torch.where(there, reward - mean, 0.0)


@gives("reward")
def standardised(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, eps: float = 1e-8
) -> Float[Tensor, "P K"]:
    """Rewards in standard deviations from the mean of all responses in the batch; 0 where a response is missing.

        reward = (reward - mean reward) / sqrt(var reward + eps)

    The z-score, as reward normalisation in PPO (Zheng et al. 2023, arXiv 2307.04964). The variance is the population's,
    and both are the batch's own, where some systems keep running ones. It divides the price of KL with it: where
    rewards differ little, they count for more.

    >>> import torch
    >>> standardised(torch.tensor([[1.0, 3.0]]), torch.ones(1, 2, 1))
    tensor([[-1.,  1.]])
    """
    return whiten(reward, present(mask).to(reward), eps=eps)


@gives("reward")
def clipped(reward: Float[Tensor, "P K"], *, low: float, high: float) -> Float[Tensor, "P K"]:
    """Rewards cut at both ends.

        reward = min(max(reward, low), high)

    With `low` at minus infinity only a ceiling is left. Beyond the ends answers are paid alike, and nothing is learnt
    from how they differ.

    Raises:
        RecipeError: `low` is not below `high`.

    >>> import torch
    >>> clipped(torch.tensor([[-3.0, 0.5, 2.0]]), low=-1.0, high=1.0)
    tensor([[-1.0000,  0.5000,  1.0000]])
    """
    if low >= high:
        raise RecipeError(f"`low` of `clipped` is {low:g} and `high` is {high:g}: `low` is below `high`.")
    return reward.clamp(low, high)


@gives("reward")
def min_max(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """Rewards from 0 for the worst-paid response of the batch to 1 for the best-paid; 0 where a response is missing.

        reward = (reward - min reward) / (max reward - min reward)

    A batch paid alike gets 0.

    >>> import torch
    >>> min_max(torch.tensor([[1.0, 2.0, 5.0]]), torch.ones(1, 3, 1))
    tensor([[0.0000, 0.2500, 1.0000]])
    """
    there = present(mask)
    low = torch.where(there, reward, math.inf).min()
    height = torch.where(there, reward - low, 0.0)
    return height / height.max().clamp(min=torch.finfo(height.dtype).tiny)


@gives("reward")
def sigmoid(reward: Float[Tensor, "P K"], *, slope: float = 1.0) -> Float[Tensor, "P K"]:
    """Rewards bent into the range from 0 to 1.

        reward = 1 / (1 + exp(-slope reward))

    Grows fastest where the reward is 0, so that it is for rewards that are centred there; `par` centres them on
    reference answers.

    >>> import torch
    >>> sigmoid(torch.tensor([[0.0, 2.0]]))
    tensor([[0.5000, 0.8808]])
    """
    return (slope * reward).sigmoid()


@gives("reward")
def tanh(reward: Float[Tensor, "P K"], *, slope: float = 1.0) -> Float[Tensor, "P K"]:
    """Rewards bent into the range from -1 to 1.

        reward = tanh(slope reward)

    `sigmoid` with twice the slope and twice the height, and 0 stays where it is.

    >>> import torch
    >>> tanh(torch.tensor([[0.0, 2.0]]))
    tensor([[0.0000, 0.9640]])
    """
    return (slope * reward).tanh()


@gives("reward")
def log_sigmoid(reward: Float[Tensor, "P K"]) -> Float[Tensor, "P K"]:
    """Rewards bent below 0: losses count in full, gains ever less.

        reward = log sigmoid(reward)

    The transformation of Wang et al. 2024 (arXiv 2402.00742), who centre the reward on a reference answer first: after
    `contrastive` it is theirs, log sigmoid(reward - baseline). Bounded above by 0 and not below. The sum over several
    rewards is the log-probability that an answer is good in all of them, if Bradley-Terry says how likely it is.

    >>> import torch
    >>> log_sigmoid(torch.tensor([[0.0, 2.0]]))
    tensor([[-0.6931, -0.1269]])
    """
    return logsigmoid(reward)


@gives("reward")
def confidence_priced(
    reward: Float[Tensor, "P K"],
    confidence: Float[Tensor, "P K"],
    *,
    weight: float = 0.5,
    average: float = 0.0,
) -> Float[Tensor, "P K"]:
    """The reward, and more of it the surer a good response says it is, less the surer a bad one does.

        reward = reward + weight (reward - average) (confidence - 1/2)

    PPO-C of Leng et al. 2024 (arXiv 2410.09724), against policies that sound sure whatever they say. `average` is what
    a usual response is paid, in the paper a moving average of the rewards: the dial `MovingAverage(metric="reward")`.
    `confidence` is read off the text by a scorer of that name.

    >>> import torch
    >>> confidence_priced(torch.tensor([[1.0, 1.0, -1.0]]), torch.tensor([[1.0, 0.5, 1.0]]))
    tensor([[ 1.2500,  1.0000, -1.2500]])
    """
    return reward + weight * (reward - average) * (confidence - 0.5)
