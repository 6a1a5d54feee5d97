"""Self-play preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import group_win_rate
from ..objectives.singles import sppo as objective
from ..recipe import Recipe, Term
from ._families import Online, online


def sppo(*, beta: float = 0.1, passes: int = 4, **common: Unpack[Online]) -> Recipe:
    """Play against itself: each answer likelier by how often it beats the others, in some `passes` over each batch."""
    return online(
        name="sppo",
        paper="Wu et al. 2024, arXiv 2405.00675, equation 4.7",
        summary="makes each of its answers likelier by how often it beats the others",
        derive=(bind(group_win_rate),),
        objective=(Term(objective=bind(objective, beta=beta)),),
        passes=passes,
        **common,
    )
