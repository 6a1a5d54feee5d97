"""Selection: which responses go on.

A select function takes named tensors and changes nothing. It returns a keep mask (P K), True for each response that
goes on: the caller multiplies `mask` by it, and a response that is dropped is then a missing one. Or it returns places
(P N): which responses go on, in which order.
"""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from .binding import among_siblings
from .errors import RecipeError, above_zero, share_of_flips
from .ops import best, present

Filter = Literal["best", "best-random", "best-worst"]


@among_siblings
def best_of(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Bool[Tensor, "P K"]:
    """Keep the best-paid response to each prompt.

        keep_i = [i = argmax_j reward_j]        j over the responses that are there

    Best-of-n (Stiennon et al. 2020, arXiv 2009.01325) when the kept response is the answer; RAFT (Dong et al. 2023,
    arXiv 2304.06767, algorithm 1) when `nll` then learns from it. The first of several equals is kept; a missing
    response never is, and a prompt without any response keeps none.

    >>> import torch
    >>> best_of(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[[1], [1], [0]]]))
    tensor([[False,  True, False]])
    """
    return best(reward, mask)


def passing(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, least: float = 1.0) -> Bool[Tensor, "P K"]:
    """Keep every response that is paid enough.

        keep_i = [reward_i >= least]

    The filter of expert iteration on language models, as in ReST (Gulcehre et al. 2023, arXiv 2308.08998) and, for
    rewards of 0 and 1, in ReST-EM (Singh et al. 2023, arXiv 2312.06585): what is kept of answers of pi is drawn from
    pi(y) [r(y) >= least] / Z. Unlike `best_of` it keeps several responses to one prompt and none to another. A missing
    response is never kept.

    >>> import torch
    >>> passing(torch.tensor([[1.0, 0.0, 2.0]]), torch.tensor([[[1], [1], [0]]]))
    tensor([[ True, False, False]])
    """
    return (reward >= least) & present(mask)


def accepted(
    reward: Float[Tensor, "P K"],
    chance: Float[Tensor, "P K"],
    mask: Num[Tensor, "P K T"],
    *,
    temperature: float = 0.5,
    least: int = 2,
) -> Bool[Tensor, "P K"]:
    """Keep each response by chance, the likelier the nearer it is to the best-paid one.

        keep_i = [chance_i < exp((reward_i - max_j reward_j) / temperature)]        j over the responses that are there

    Statistical rejection sampling, RSO (Liu et al. 2023, arXiv 2309.06657, algorithm 1, whose beta is `temperature`):
    what is kept of answers of pi_ref is drawn from pi_ref exp(r / temperature) / Z, up to the maximum being that of the
    K drawn ones. `chance` is even between 0 and 1. The paper goes round again until enough are kept; here those that
    missed by least fill up to `least`, where so many are there.

    Raises:
        RecipeError: `temperature` is not above 0.

    >>> import torch
    >>> reward, chance = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.9, 0.1, 0.2]])
    >>> accepted(reward, chance, torch.ones(1, 3, 1), least=1)
    tensor([[ True,  True, False]])
    """
    above_zero("accepted", temperature=temperature)
    there = present(mask)
    most = reward.masked_fill(~there, -torch.inf).amax(-1, keepdim=True)
    ahead = ((reward - most) / temperature - chance.log()).masked_fill(~there, -torch.inf)
    places = torch.argsort(ahead, dim=-1, descending=True, stable=True).argsort(-1)
    return ((ahead > 0) | (places < least)) & there


@among_siblings
def varied(reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Bool[Tensor, "P K"]:
    """Keep the groups whose responses are not all paid alike.

        keep_i = [max_j reward_j > min_j reward_j]        i, j over the responses that are there

    The dynamic sampling of DAPO (Yu et al. 2025, arXiv 2503.14476, section 3.2): prompts whose answers are all right or
    all wrong teach nothing to a method that compares within groups, and where a mean over tokens counts them they
    weaken the rest. The paper draws more until the batch is full again: `refill` of `Sample` says how often to. What is
    missing then stays so, and the metric `dropped` counts the prompts left out. A single response is never kept.

    >>> import torch
    >>> varied(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.ones(2, 2, 1))
    tensor([[ True,  True],
            [False, False]])
    """
    there = present(mask)
    high = reward.masked_fill(~there, -torch.inf).amax(-1, keepdim=True)
    low = reward.masked_fill(~there, torch.inf).amin(-1, keepdim=True)
    return there & (high > low)


def filtered(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, keep: Filter = "best-random"
) -> Bool[Tensor, "P K"]:
    """Keep the best-paid response to each prompt, and one other by what a reward model can be trusted in.

        "best"           the best-paid alone
        "best-random"    and one of the others, whichever it is
        "best-worst"     and the worst-paid

    PF-PPO (Zhang et al. 2024, arXiv 2409.06957): rewards are least reliable in the middle of the ranks, so that leaving
    out what lies there raises the share of signal. The random one is the first drawn of the others: responses are drawn
    alike, so that no chance is needed here. The first of several equals is the best, and of the others the worst.

    Raises:
        RecipeError: `keep` is none of the three.

    >>> import torch
    >>> reward, mask = torch.tensor([[2.0, 3.0, 1.0]]), torch.ones(1, 3, 1)
    >>> filtered(reward, mask), filtered(reward, mask, keep="best-worst")
    (tensor([[ True,  True, False]]), tensor([[False,  True,  True]]))
    """
    if keep not in get_args(Filter):
        raise RecipeError(f"`keep` of `filtered` is {keep!r}: it is one of 'best', 'best-random' and 'best-worst'.")
    best = best_of(reward, mask)
    if keep == "best":
        return best
    standing = -reward if keep == "best-worst" else torch.zeros_like(reward)
    return best | best_of(standing, mask * (~best)[..., None])


def preferred(mask: Num[Tensor, "P K T"]) -> Bool[Tensor, "P K"]:
    """Keep the response that people preferred: the first, in judged data.

        keep_i = [i = 0]

    What supervised fine-tuning on judged answers selects: without it the rejected ones would be imitated as well. A
    prompt whose first response is missing keeps none.

    >>> import torch
    >>> preferred(torch.tensor([[[1], [1]]]))
    tensor([[ True, False]])
    """
    there = present(mask)
    return there & (torch.arange(there.shape[-1], device=there.device) == 0)


@among_siblings
def best_and_worst(
    reward: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, price: float = 0.0
) -> Int[Tensor, "P 2"]:
    """The best-paid and the worst-paid response to each prompt, as a pair with the best first.

        pair = (argmax_i s_i, argmin_i s_i)        i over the responses that are there
        where    s_i = reward_i - price tokens_i

    With K = 2 it is the annotation step of online DPO (Guo et al. 2024, arXiv 2402.04792, algorithm 1); with more, that
    of iterative methods such as RLHFlow's (Dong et al. 2024, arXiv 2405.07863), whose length penalty is `price`: per
    token that the model chose, where their code counts characters. Of several equals the first is the best and the last
    is the worst, so that two answers paid alike are a coin's toss. A prompt with a single response gives it twice: a
    pair without a difference.

    Raises:
        RecipeError: no prompt has two responses.

    >>> import torch
    >>> best_and_worst(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), torch.tensor([[[1], [1], [1], [0]]]))
    tensor([[1, 0]])
    """
    there = present(mask)
    if (there.sum(-1) < 2).all():
        raise RecipeError(
            "no prompt has two responses, so there is no pair to learn from. Sample at least 2 responses to a prompt."
        )
    paid = reward - price * mask.sum(-1)
    best = paid.masked_fill(~there, -torch.inf).argmax(-1)
    # argmin would take the first of several equals, and a group paid alike would be a pair of one response.
    worst = paid.shape[-1] - 1 - paid.masked_fill(~there, torch.inf).flip(-1).argmin(-1)
    return torch.stack([best, worst], -1)


def turned_by_vote(reward: Float[Tensor, "P 2 D"], *, share: float = 0.1) -> Int[Tensor, "P 2"]:
    """Every pair as it was judged, but for a share of them, which other reward models doubt most, turned round.

        pair = (1, 0)  for the floor(share P) pairs of the lowest strength, else (0, 1)
        strength = 1/D sum_d (reward_0d - reward_1d)

    The flipped labels of Secrets of RLHF II (Wang et al. 2024, arXiv 2401.06080), by the strength that D reward models
    fitted to the same pairs give. It looks at all the data at once. The first of several equals is turned.

    Raises:
        RecipeError: `share` is not a share below 1/2.

    >>> import torch
    >>> turned_by_vote(torch.tensor([[[2.0], [1.0]], [[1.0], [2.0]]]), share=0.49)
    tensor([[0, 1],
            [0, 1]])
    >>> turned_by_vote(torch.tensor([[[2.0], [1.0]], [[1.0], [2.0]], [[0.0], [0.0]]]), share=0.34)
    tensor([[0, 1],
            [1, 0],
            [0, 1]])
    """
    share_of_flips("turned_by_vote", share=share)
    strength = (reward[:, 0] - reward[:, 1]).mean(-1)
    turned = strength.argsort(stable=True).argsort() < int(share * len(strength))
    return torch.stack([turned, ~turned], -1).long()
