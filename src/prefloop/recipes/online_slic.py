"""Online sequence likelihood calibration."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import slic as objective
from ..recipe import Recipe
from ._families import Online, own_pairs


def online_slic(*, beta: float = 0.1, **common: Unpack[Online]) -> Recipe:
    """A hinge on the policy's own answers: two to each prompt, the better-paid one preferred; of more, best and worst.

    It comes to rest where any two of its answers that are paid differently are 1/`beta` nats apart. `reward` may be a
    judge of two answers.
    """
    return own_pairs(
        name="online-slic",
        paper="Guo et al. 2024, arXiv 2402.04792 (OAIF), algorithm 1 with the normalised hinge",
        summary="pushes pairs of its own answers a margin apart, ordered by a reward or a judge",
        objective=bind(objective, beta=beta),
        **common,
    )
