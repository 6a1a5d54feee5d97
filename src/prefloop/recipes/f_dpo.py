"""DPO with another divergence."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.divergences import Divergence
from ..objectives.divergences import f_dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def f_dpo(*, beta: float = 0.1, divergence: Divergence = "js", alpha: float = 0.5, **common: Unpack[Direct]) -> Recipe:
    """DPO held to the reference by the reverse or forward KL, Jensen-Shannon or an alpha divergence."""
    return direct(
        name="f-dpo",
        paper="Wang et al. 2023, arXiv 2309.16240",
        summary="learns from pairs, held to the reference by a divergence of choice",
        objective=(Term(objective=bind(objective, beta=beta, divergence=divergence, alpha=alpha)),),
        **common,
    )
