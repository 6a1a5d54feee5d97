"""One reward of a response, spread over its tokens."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from ..binding import gives
from ..errors import RecipeError
from ..ops import at_final


@gives("token_reward")
def spread_reward(
    token_reward: Float[Tensor, "P K T D"],
    reward: Float[Tensor, "P K"],
    mask: Num[Tensor, "P K T"],
    *,
    weights: tuple[float, ...],
) -> Float[Tensor, "P K T"]:
    """The reward, spread over the tokens as attributions say; the last token is paid what is missing of it.

        token_reward_t = sum_d weights_d token_reward_td + [t is the last chosen token] rest
        rest           = reward - sum_d weights_d sum_u token_reward_ud

    Explainable dense rewards (Koo et al. 2025, arXiv 2504.16272), in the form of a weighted sum of attributions and the
    sparse reward whose weights add up to 1; what they leave of 1 is the weight of the sparse reward. The channels of
    `token_reward` are the attributions (`scoring.attributions`). The rest is ours: sum_t token_reward_t = reward,
    whatever the attributions and the weights. It is paid at the last token since the others must not know of it: where
    what a token earned does not depend on what follows it, this shapes by a potential (Ng, Harada and Russell 1999),
    and the best policy stays that of the reward; where it does, credit that is taken token by token is biased. 0 at
    tokens the model did not choose.

    Raises:
        RecipeError: there are not as many weights as channels.

    >>> import torch
    >>> earned = torch.tensor([[[[1.0], [0.0]]]])
    >>> spread_reward(earned, torch.tensor([[3.0]]), torch.ones(1, 1, 2), weights=(0.5,))
    tensor([[[0.5000, 2.5000]]])
    """
    *_, channels = token_reward.shape
    if len(weights) != channels:
        raise RecipeError(
            f"`spread_reward` has {len(weights)} weights, and there are {channels} attributions: give one for each, in "
            "their order; what they leave of 1 is the weight of the reward at the last token."
        )
    earned = torch.where(mask.bool(), token_reward @ token_reward.new_tensor(weights), 0.0)
    return earned + at_final(reward - earned.sum(-1), mask)
