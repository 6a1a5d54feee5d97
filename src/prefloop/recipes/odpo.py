"""DPO with an offset."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.margins import odpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def odpo(*, beta: float = 0.1, alpha: float = 1.0, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs of rated answers: the wider the ratings lie apart, the wider the policy is to part them."""
    return direct(
        name="odpo",
        paper="Amini et al. 2024, arXiv 2402.10571",
        summary="learns from pairs of rated answers how far to part them",
        objective=(Term(objective=bind(objective, beta=beta, alpha=alpha)),),
        **common,
    )
