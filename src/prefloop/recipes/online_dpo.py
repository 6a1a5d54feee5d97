"""Online direct preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe
from ._families import Online, own_pairs


def online_dpo(*, beta: float = 0.1, smoothing: float = 0.0, **common: Unpack[Online]) -> Recipe:
    """DPO on the policy's own answers: two to each prompt, the better-paid one preferred; of more, best and worst.

    `reward` may be a judge of two answers, as in online AI feedback (OAIF).
    """
    return own_pairs(
        name="online-dpo",
        paper="Guo et al. 2024, arXiv 2402.04792, algorithm 1",
        summary="learns from pairs of its own answers, ordered by a reward or a judge",
        objective=bind(objective, beta=beta, smoothing=smoothing),
        **common,
    )
