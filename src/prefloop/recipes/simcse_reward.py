"""A reward model whose pairs are told apart by contrast."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..objectives.contrastive import simcse
from ..objectives.rewards import bradley_terry
from ..recipe import Recipe, Term
from ._families import Fitted, fitted


def simcse_reward(*, contrast: float | Dial = 0.1, temperature: float = 0.05, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to pairs, and have it know what sets the two answers of each pair apart again.

    `contrast` weighs that beside the comparisons. It holds each pair against the others of its step, so that a larger
    `batch` tells it more.
    """
    common.setdefault("batch", 32)
    return fitted(
        name="simcse-reward",
        paper="Wang et al. 2024, arXiv 2401.06080, SimCSE on differences, with dropout on the last hidden state alone",
        summary="a reward model from pairs that has to know the difference of each pair again",
        objective=bind(bradley_terry),
        further=(Term(objective=bind(simcse, temperature=temperature), weight=contrast),),
        **common,
    )
