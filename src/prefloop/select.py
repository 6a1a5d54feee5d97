"""Selection: which responses go on.

A select function takes named tensors and returns a keep mask (P K), True for each response that goes on. It chooses
and changes nothing: the caller multiplies `mask` by it, and a response that is dropped is then a missing one.
"""

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor
from torch.nn.functional import one_hot

from .ops import present


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
    there = present(mask)
    standing = reward.masked_fill(~there, -torch.inf)
    return one_hot(standing.argmax(-1), there.shape[-1]).bool() & there
