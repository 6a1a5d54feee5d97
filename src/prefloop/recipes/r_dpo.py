"""DPO with every token deducted."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.margins import r_dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def r_dpo(*, beta: float = 0.1, alpha: float = 0.01, **common: Unpack[Direct]) -> Recipe:
    """DPO that does not credit an answer with its length."""
    return direct(
        name="r-dpo",
        paper="Park et al. 2024, arXiv 2403.19159",
        summary="learns from pairs, with a price on length",
        objective=(Term(objective=bind(objective, beta=beta, alpha=alpha)),),
        **common,
    )
