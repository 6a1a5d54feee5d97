"""Self-play preference optimisation on pairs."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.singles import sppo_hard as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def sppo_hard(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Move each answer of a pair to a log-ratio of its own: the preferred one wins, the other loses."""
    common.setdefault("lr", 5e-6)
    return direct(
        name="sppo-hard",
        paper="Wu et al. 2024, arXiv 2405.00675, equation 4.7 with win rates of 1 and 0",
        summary="moves the two answers of a pair by half of 1 / beta each, up and down",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
