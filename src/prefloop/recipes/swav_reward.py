"""A reward model that puts what sets pairs apart in classes of its own making."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..objectives.prototypes import first_bradley_terry, swav
from ..recipe import Recipe, Term
from ._families import Fitted, fitted, prototypes_of


def swav_reward(
    *,
    prototypes: int = 8,
    contrast: float | Dial = 0.1,
    temperature: float = 0.1,
    epsilon: float = 0.05,
    rounds: int = 3,
    **common: Unpack[Fitted],
) -> Recipe:
    """Fit a reward model to pairs, and have it share them out among prototypes by what sets their answers apart.

    `contrast` weighs that beside the comparisons. The prototypes are channels of the model that the reward does not
    count. Each gets as many pairs of a step as the others, so that a `batch` is a few times as large as their number.
    """
    common.setdefault("batch", 32)
    channels = ("reward", *prototypes_of(prototypes))
    return fitted(
        name="swav-reward",
        paper="Wang et al. 2024, arXiv 2401.06080, SwAV on differences, with dropout on the last hidden state alone",
        summary="a reward model from pairs that puts what sets them apart in classes of its own making",
        objective=bind(first_bradley_terry),
        further=(Term(objective=bind(swav, temperature=temperature, epsilon=epsilon, rounds=rounds), weight=contrast),),
        channels=channels,
        start="random",
        weights=(1.0, *(0.0 for _ in channels[1:])),
        **common,
    )
