"""How much was changed of an answer that somebody corrected."""

from difflib import SequenceMatcher

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from ..binding import gives


@gives("weight")
def changed_share(ids: Int[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"], *, least: float = 0.0) -> Float[Tensor, "P"]:
    """How much a pair counts: the share of the tokens of both answers that the correction did not keep.

        weight = max(least, 1 - 2 kept / (n_0 + n_1))        n_i the chosen tokens of answer i

    What was kept is told from the tokens, as in `credit.corrected`: the longest run that both answers have in common,
    and again to its left and to its right. A letter mended says little of an answer, one written anew says much. Two
    equal answers, and two missing ones, weigh `least`. A rule of ours, of no paper.

    >>> import torch
    >>> changed_share(torch.tensor([[[7, 4, 9, 1], [7, 2, 9, 1]]]), torch.ones(1, 2, 4))
    tensor([0.2500])
    """
    shares = []
    for tokens, chosen in zip(ids, mask.bool(), strict=True):
        better, worse = (row[there].tolist() for row, there in zip(tokens, chosen, strict=True))
        # Without autojunk=False the common tokens of an answer longer than 200 would never count as kept.
        shares.append(1 - SequenceMatcher(None, better, worse, autojunk=False).ratio())
    return torch.tensor(shares, dtype=torch.get_default_dtype()).clamp(min=least)
