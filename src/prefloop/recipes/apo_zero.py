"""Anchored preference optimisation, for better answers."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.anchored import apo_zero as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def apo_zero(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs whose preferred answers are better than the policy's own."""
    return direct(
        name="apo-zero",
        paper="D'Oosterlinck et al. 2024, arXiv 2408.06266, equation 7",
        summary="raises preferred answers and lowers the others, each by itself",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
