"""What a method that learns from corrected answers is known to reach."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..credit import corrected
from ..ops import lead, wmean
from ..recipes import method
from .distance import PAIRS, Known, Verdict, verdicts
from .pairwise import chosen, learnt
from .problem import BETA, distribution, reference, regularised_optimum, total_variation
from .tabular import ANSWERS

CORRECTIONS = PAIRS[(ANSWERS[PAIRS[:, 0]] != ANSWERS[PAIRS[:, 1]]).sum(-1) == 1]
"""Every two answers that differ in one token, and so are each a correction of the other."""


def rlhf_v(gamma: float = 3.0) -> Known:
    """Every term is lowest where the policy's choice in its pair is people's, and at the optimum all are."""
    optimum, ids = regularised_optimum(), ANSWERS[CORRECTIONS]
    mask = torch.ones_like(ids)
    gained = tokens(optimum) - tokens(distribution(reference()))
    weight = corrected(ids, mask, gamma=gamma).to(gained)
    people = (BETA * lead(wmean(gained[CORRECTIONS], weight, mask))).sigmoid()
    return Known(
        recipe=method("rlhf-v")(beta=BETA, gamma=gamma),
        what="pi_ref exp(r/beta)/Z, by whose weighted log-ratios people choose in every correction of one token",
        distance=lambda recipe: total_variation(learnt(recipe, *chosen(people, CORRECTIONS)), optimum),
    )


def tokens(answers: Tensor) -> Tensor:
    """The log-probability of each token of every answer (64 3), from the probabilities of whole answers."""
    tree = answers.view(4, 4, 4)
    begun = [tree.sum(axes, keepdim=True).expand(4, 4, 4) for axes in ((0, 1, 2), (1, 2), (2,))]
    steps = [now / before for before, now in zip(begun, (*begun[1:], tree), strict=True)]
    return torch.stack(steps, -1).log().flatten(0, 2)


KNOWN_CORRECTIONS: dict[str, Callable[[], Verdict]] = verdicts({"rlhf-v": rlhf_v})
"""How each of them is verified."""
