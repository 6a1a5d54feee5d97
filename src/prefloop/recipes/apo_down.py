"""Anchored preference optimisation, for worse answers."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.anchored import apo_down as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def apo_down(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs whose preferred answers are worse than the policy's own."""
    return direct(
        name="apo-down",
        paper="D'Oosterlinck et al. 2024, arXiv 2408.06266, equation 8",
        summary="lowers both answers, the preferred one less",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
