"""Advantages put on one scale, and weighed where the sampler was not the trainer.

A sampler that computes otherwise than the trainer (another engine, another precision, older weights) draws from another
policy. Per token the weights are blind to how likely the tokens before were; per response they are not, and vary more.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from ..binding import among_siblings, gives
from ..errors import RecipeError
from ..ops import best, present, tsum, whiten


@among_siblings
@gives("advantage")
def best_alone(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K 1"]:
    """An advantage for the best-paid response to each prompt and none for the others.

        advantage_i = K [i = argmax_j reward_j]        j over the K responses that are there

    With it `reinforce` is the imitation of the best response, as RAFT does, on a batch that keeps the others for the
    other terms of a loss: SuperHF (Mukobi et al. 2023, arXiv 2310.16763). Over a group the mean is 1. The first of
    several equals is the best.

    >>> import torch
    >>> best_alone(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[[1], [1], [0]]])).flatten()
    tensor([0., 2., 0.])
    """
    count = present(mask).sum(-1, keepdim=True)
    return (best(reward, mask) * count).to(reward).unsqueeze(-1)


@gives("advantage")
def whiten_advantage(advantage: Float[Tensor, "P K #T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """Advantages shifted and scaled to mean 0 and variance 1 over the chosen tokens of the whole batch.

        advantage_t = (A_t - mean A) / sqrt(var A + 1e-8)

    The batch normalisation of PPO as practised (OpenAI's baselines; Ziegler et al. 2019) and of REINFORCE++ (arXiv
    2501.03262). The variance is the population's. An advantage shared by a response counts once for each of its tokens,
    so that long responses weigh more in the mean. 0 at tokens the model did not choose.

    >>> import torch
    >>> whiten_advantage(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[[1, 0], [0, 1]]]))
    tensor([[[-1.,  0.],
             [ 0.,  1.]]])
    """
    return whiten(advantage.expand(mask.shape), mask)


@gives("advantage")
def truncated_importance(
    advantage: Float[Tensor, "P K #T"],
    old_logp: Float[Tensor, "P K T"],
    sampled_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    cap: float = 2.0,
) -> Float[Tensor, "P K T"]:
    """Advantages weighed by how much likelier the trainer finds a token than the sampler that drew it, up to a cap.

        advantage_t = min(exp(old_logp_t - sampled_logp_t), cap) A_t

    A sampler that computes otherwise than the trainer (another engine, another precision) draws from another policy;
    with the weight the mean gradient is the trainer's own again. The truncation is that of Ionides 2008, per token as
    in V-trace (Espeholt et al. 2018, arXiv 1802.01561, section 4.1): it bounds the variance for a bias towards the
    sampler's policy where the two differ by more than `cap`. 0 at tokens the model did not choose.

    >>> import torch
    >>> advantage, old_logp = torch.tensor([[[1.0]]]), torch.tensor([[[0.5, 0.5, 0.5]]]).log()
    >>> sampled_logp, mask = torch.tensor([[[0.4, 0.5, 0.1]]]).log(), torch.tensor([[[1, 1, 1]]])
    >>> truncated_importance(advantage, old_logp, sampled_logp, mask)
    tensor([[[1.2500, 1.0000, 2.0000]]])
    """
    weight = (old_logp - sampled_logp).exp().clamp(max=cap)
    return _weighed(advantage, weight, mask)


@gives("advantage")
def masked_importance(
    advantage: Float[Tensor, "P K #T"],
    old_logp: Float[Tensor, "P K T"],
    sampled_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    low: float = 0.5,
    high: float = 2.0,
) -> Float[Tensor, "P K T"]:
    """Advantages weighed by how much likelier the trainer finds a token, and 0 where the two differ by too much.

        w_t         = exp(old_logp_t - sampled_logp_t)
        advantage_t = w_t A_t    where low <= w_t <= high, else 0

    In the form of IcePop (Ling Team 2025, arXiv 2510.18855): a token of which sampler and trainer think so differently
    teaches nothing, instead of a bounded amount as in `truncated_importance`. What is left out still counts in the
    denominator of the loss. 0 at tokens the model did not choose.

    Raises:
        RecipeError: 1 does not lie between `low` and `high`.

    >>> import torch
    >>> advantage, old_logp = torch.tensor([[[1.0]]]), torch.tensor([[[0.5, 0.5, 0.5]]]).log()
    >>> sampled_logp, mask = torch.tensor([[[0.4, 0.5, 0.1]]]).log(), torch.tensor([[[1, 1, 1]]])
    >>> masked_importance(advantage, old_logp, sampled_logp, mask)
    tensor([[[1.2500, 1.0000, 0.0000]]])
    """
    _must_hold_one("masked_importance", low, high)
    return _weighed(advantage, _within((old_logp - sampled_logp).exp(), low, high), mask)


@gives("advantage")
def response_truncated_importance(
    advantage: Float[Tensor, "P K #T"],
    old_logp: Float[Tensor, "P K T"],
    sampled_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    cap: float = 2.0,
) -> Float[Tensor, "P K T"]:
    """`truncated_importance` with one weight for a whole response.

        advantage_t = min(exp(sum_s (old_logp_s - sampled_logp_s)), cap) A_t

    The weight that makes the mean over the sampler's responses that over the trainer's, up to the cap: unbiased below
    it, where weights of single tokens are not. It varies more the longer responses are. 0 at tokens the model did not
    choose.

    >>> import torch
    >>> advantage, old_logp = torch.tensor([[[1.0]]]), torch.tensor([[[0.5, 0.5]]]).log()
    >>> sampled_logp, mask = torch.tensor([[[0.4, 0.5]]]).log(), torch.tensor([[[1, 1]]])
    >>> response_truncated_importance(advantage, old_logp, sampled_logp, mask)
    tensor([[[1.2500, 1.2500]]])
    """
    weight = tsum(old_logp - sampled_logp, mask).exp().clamp(max=cap)
    return _weighed(advantage, weight.unsqueeze(-1), mask)


@gives("advantage")
def response_masked_importance(
    advantage: Float[Tensor, "P K #T"],
    old_logp: Float[Tensor, "P K T"],
    sampled_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    *,
    low: float = 0.5,
    high: float = 2.0,
) -> Float[Tensor, "P K T"]:
    """`masked_importance` with one weight for a whole response, which is left out as a whole.

        w           = exp(sum_s (old_logp_s - sampled_logp_s))
        advantage_t = w A_t    where low <= w <= high, else 0

    Sequence-level masked importance sampling, as in verl's rollout correction. 0 at tokens the model did not choose.

    Raises:
        RecipeError: 1 does not lie between `low` and `high`.

    >>> import torch
    >>> advantage, old_logp = torch.tensor([[[1.0], [1.0]]]), torch.tensor([[[0.5], [0.5]]]).log()
    >>> sampled_logp, mask = torch.tensor([[[0.4], [0.1]]]).log(), torch.tensor([[[1], [1]]])
    >>> response_masked_importance(advantage, old_logp, sampled_logp, mask).flatten()
    tensor([1.2500, 0.0000])
    """
    _must_hold_one("response_masked_importance", low, high)
    weight = _within(tsum(old_logp - sampled_logp, mask).exp(), low, high)
    return _weighed(advantage, weight.unsqueeze(-1), mask)


def _weighed(
    advantage: Float[Tensor, "P K #T"], weight: Float[Tensor, "P K #T"], mask: Num[Tensor, "P K T"]
) -> Float[Tensor, "P K T"]:
    return torch.where(mask.bool(), weight * advantage, 0.0)


def _within(weight: Float[Tensor, "..."], low: float, high: float) -> Float[Tensor, "..."]:
    """The weights between two bounds, and 0 for the others."""
    return torch.where((low <= weight) & (weight <= high), weight, 0.0)


def _must_hold_one(name: str, low: float, high: float) -> None:
    if not low <= 1 <= high:
        raise RecipeError(
            f"`{name}` keeps weights between {low:g} and {high:g}, and where sampler and trainer agree they are 1: let "
            "`low` be at most 1 and `high` at least 1."
        )
