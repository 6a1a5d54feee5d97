"""What each token is paid, and what that makes of a response."""

from typing import Literal, get_args

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..binding import gives
from ..errors import RecipeError
from ..ops import final, present, tsum

StepScore = Literal["product", "minimum", "last"]


@gives("reward")
def total_reward(token_reward: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """What the whole response is paid, for estimators that treat it as one action.

        reward = sum_t token_reward_t

    After `kl_in_reward` it is R = reward - beta log(pi / pi_ref) of Ziegler et al. 2019 (arXiv 1909.08593), equation 2,
    undiscounted.

    >>> import torch
    >>> total_reward(torch.tensor([[[-0.5, 3.0, 9.0]]]), torch.tensor([[[1, 1, 0]]]))
    tensor([[2.5000]])
    """
    return tsum(token_reward, mask)


@gives("token_reward")
def implicit_in_reward(
    token_reward: Float[Tensor, "P K T"],
    dpo_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    dense: float = 0.05,
) -> Float[Tensor, "P K T"]:
    """What each token is paid, plus how much likelier a model trained with DPO finds it than the reference does.

        token_reward_t = token_reward_t + dense (dpo_logp_t - ref_logp_t)

    Reinforced token optimisation (Zhong et al. 2024, arXiv 2404.18922), whose beta_1 is `dense`; after `kl_in_reward`
    it is their sum of dense reward, KL price and reward model, without their clipping. The frozen model `dpo` learnt a
    reward r_dpo as beta_dpo log(pi_dpo / pi_ref) of whole responses, so that over a response the tokens are paid
    (dense / beta_dpo) r_dpo, up to a constant for each prompt: the best policy is that of the sum, not of each token. 0
    at tokens the model did not choose.

    >>> import torch
    >>> dpo_logp, ref_logp = torch.tensor([[[-1.0, -1.0]]]), torch.tensor([[[-1.5, -1.0]]])
    >>> implicit_in_reward(torch.tensor([[[0.0, 3.0]]]), dpo_logp, ref_logp, torch.ones(1, 1, 2), dense=0.2)
    tensor([[[0.1000, 3.0000]]])
    """
    return torch.where(mask.bool(), token_reward + dense * (dpo_logp - ref_logp), 0.0)


@gives("token_reward")
def contrast(
    better_logp: Float[Tensor, "P K T"], worse_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]
) -> Float[Tensor, "P K T"]:
    """What each token is paid by a model that is told to answer well, and again to answer badly.

        token_reward_t = sigmoid(better_logp_t - worse_logp_t) - 1/2

    The self-generated token rewards of T-REG (Zhou et al. 2024, arXiv 2412.02685), between -1/2 and 1/2, from two
    frozen models named `better` and `worse` that differ in their `instruction`. 0 at tokens the model did not choose.

    >>> import torch
    >>> better_logp, worse_logp = torch.tensor([[[0.6, 0.1, 0.5]]]).log(), torch.tensor([[[0.2, 0.3, 0.5]]]).log()
    >>> contrast(better_logp, worse_logp, torch.ones(1, 1, 3))
    tensor([[[ 0.2500, -0.2500,  0.0000]]])
    """
    return torch.where(mask.bool(), (better_logp - worse_logp).sigmoid() - 0.5, 0.0)


@gives("token_reward")
def potential_in_reward(
    token_reward: Float[Tensor, "P K T"],
    potential: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    gamma: float = 1.0,
) -> Float[Tensor, "P K T"]:
    """What each token is paid, plus how much further it brings the response by some measure of promise.

        token_reward_t = token_reward_t + gamma potential_{t+1} - potential_t

    Ng, Harada and Russell 1999: whatever the potential, no optimal policy changes, since over a response the terms add
    up to minus the potential of its prompt. `potential_t` is that of what stands before token t; after the last chosen
    token it is 0, or the sum would depend on how the response ends. `t + 1` is the next chosen token. `gamma` is the
    discount that credit is taken with (`gae`). 0 at tokens the model did not choose.

    >>> import torch
    >>> paid, potential = torch.tensor([[[0.0, 9.0, 1.0]]]), torch.tensor([[[0.5, 9.0, 2.0]]])
    >>> potential_in_reward(paid, potential, torch.tensor([[[1, 0, 1]]]))
    tensor([[[ 1.5000,  0.0000, -1.0000]]])
    """
    chosen = mask.bool()
    shaped = torch.zeros_like(token_reward)
    after = token_reward.new_zeros(mask.shape[:-1])
    for t in reversed(range(mask.shape[-1])):
        gain = token_reward[..., t] + gamma * after - potential[..., t]
        shaped[..., t] = torch.where(chosen[..., t], gain, 0.0)
        after = torch.where(chosen[..., t], potential[..., t], after)
    return shaped


@gives("step_end")
def step_ends(
    ids: Int[Tensor, "P K T"], mask: Num[Tensor, "P K T"], *, separators: tuple[int, ...]
) -> Float[Tensor, "P K T"]:
    """Where the steps of a response end: at every token that separates steps, and at the last one.

        step_end_t = [ids_t is a separator, or t is the last chosen token]

    `separators` are token ids, such as those of line ends. Holes in the mask end no step.

    >>> import torch
    >>> step_ends(torch.tensor([[[5, 2, 7, 9]]]), torch.tensor([[[1, 1, 1, 0]]]), separators=(2,))
    tensor([[[0., 1., 1., 0.]]])
    """
    last = torch.arange(mask.shape[-1], device=mask.device) == final(mask).unsqueeze(-1)
    apart = torch.isin(ids, torch.tensor(separators, dtype=ids.dtype, device=ids.device))
    return ((last | apart) & mask.bool()).to(torch.get_default_dtype())


@gives("token_reward")
def steps_in_reward(
    token_reward: Float[Tensor, "P K T"],
    token_score: Float[Tensor, "P K T"],
    step_end: Float[Tensor, "P K T"],
    *,
    weight: float = 1.0,
) -> Float[Tensor, "P K T"]:
    """What each token is paid, plus the score of the step or span that ends there.

        token_reward_t = token_reward_t + weight [t ends a step] token_score_t

    Fine-grained RLHF (Wu et al. 2023, arXiv 2306.01693), whose reward models judge sub-sentences, sentences or whole
    answers and pay each at its last token; `weight` is theirs of one such model. Over a response it adds up to the sum
    of its steps' scores.

    >>> import torch
    >>> paid, token_score = torch.zeros(1, 1, 3), torch.tensor([[[9.0, 2.0, -1.0]]])
    >>> steps_in_reward(paid, token_score, torch.tensor([[[0.0, 1.0, 1.0]]]), weight=0.5)
    tensor([[[ 0.0000,  1.0000, -0.5000]]])
    """
    return token_reward + weight * step_end * token_score


@gives("reward")
def process_reward(
    token_score: Float[Tensor, "P K T"], step_end: Float[Tensor, "P K T"], *, by: StepScore = "product"
) -> Float[Tensor, "P K"]:
    """How good a solution is as a whole, from a process reward model's score of every step.

        p_s = sigmoid(token_score at the end of step s)

        product  reward = product_s p_s     the probability that all steps are right
        minimum  reward = min_s p_s         that the worst is
        last     reward = p_s of the last step

    Lightman et al. 2023 (arXiv 2305.20050) rank solutions by the product and compare the minimum. A response without a
    step gets 0.

    Raises:
        RecipeError: `by` is none of the three.

    >>> import torch
    >>> token_score, step_end = torch.tensor([[[0.0, 9.0, 2.0]]]), torch.tensor([[[1.0, 0.0, 1.0]]])
    >>> process_reward(token_score, step_end)
    tensor([[0.4404]])
    """
    logp = logsigmoid(token_score)
    if by == "product":
        reward = tsum(logp, step_end).exp()
    elif by == "minimum":
        reward = torch.where(step_end.bool(), logp, torch.inf).amin(-1).exp()
    elif by == "last":
        reward = logp.gather(-1, final(step_end).unsqueeze(-1)).squeeze(-1).exp()
    else:
        known = ", ".join(map(repr, get_args(StepScore)))
        raise RecipeError(f"`by` of `process_reward` is {by!r}: it is one of {known}.")
    return torch.where(present(step_end), reward, 0.0)
