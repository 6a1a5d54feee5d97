"""Direct preference optimisation on rankings."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.lists import plackett_luce as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def plackett_luce(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from answers ranked from best to worst, as DPO learns from pairs."""
    return direct(
        name="plackett-luce",
        paper="Rafailov et al. 2023, arXiv 2305.18290, appendix A.3",
        summary="learns from rankings of answers without a reward model",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
