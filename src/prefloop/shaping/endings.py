"""What it costs a response to be long, or not to come to an end."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from ..binding import gives
from ..errors import RecipeError


@gives("reward")
def length_priced(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, price: float = 0.01, free: int = 0
) -> Float[Tensor, "P K"]:
    """The reward minus a price for every token beyond the first few.

        reward = reward - price max(0, tokens - free)

    The plain linear penalty. A reward model that likes long answers is held against it by a `price` of about its slope
    over length.

    >>> import torch
    >>> length_priced(torch.tensor([[1.0]]), torch.ones(1, 1, 5), price=0.1, free=2)
    tensor([[0.7000]])
    """
    return reward - price * (mask.sum(-1) - free).clamp(min=0).to(reward)


@gives("reward")
def overlong(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, longest: int, margin: int
) -> Float[Tensor, "P K"]:
    """The reward minus a penalty that grows to 1 as a response nears the longest one allowed.

        penalty = 0                                        tokens <= longest - margin
                  (tokens - (longest - margin)) / margin   between
                  1                                        tokens > longest
        reward  = reward - penalty

    Soft overlong punishment of DAPO (Yu et al. 2025, arXiv 2503.14476), equation 13. Tokens are those that the model
    chose. A reward of another scale than that of right and wrong wants a price of its own.

    Raises:
        RecipeError: `margin` is not between 1 and `longest`.

    >>> import torch
    >>> overlong(torch.tensor([[1.0]]), torch.ones(1, 1, 9), longest=10, margin=4)
    tensor([[0.2500]])
    """
    if not 1 <= margin <= longest:
        raise RecipeError(f"`margin` of `overlong` is {margin} tokens: it is between 1 and `longest`, {longest}.")
    return reward - ((mask.sum(-1).to(reward) - (longest - margin)) / margin).clamp(0, 1)


@gives("reward")
def unfinished_priced(
    reward: Float[Tensor, "P K"], ended: Num[Tensor, "P K"], *, price: float = 1.0
) -> Float[Tensor, "P K"]:
    """The reward minus a fixed price for a response that was cut off before it ended.

        reward = reward - price [the response did not end]

    As TRL's penalty for a missing end token. A cut answer is still paid for what it says.

    >>> import torch
    >>> unfinished_priced(torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([[2., 1.]])
    """
    return reward - price * (ended == 0).to(reward)


@gives("reward")
def unfinished_paid(
    reward: Float[Tensor, "P K"], ended: Num[Tensor, "P K"], *, value: float = -1.0
) -> Float[Tensor, "P K"]:
    """The reward, or a fixed value for a response that was cut off before it ended.

        reward = reward if the response ended, else value

    The rule of Ziegler et al. 2019 (arXiv 1909.08593), who pay -1 for an answer without the token they ask for: a
    reward model has never seen answers cut off in the middle. `value` is below what answers that end are paid.

    >>> import torch
    >>> unfinished_paid(torch.tensor([[2.0, 2.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([[ 2., -1.]])
    """
    return torch.where(ended == 0, value, reward)
