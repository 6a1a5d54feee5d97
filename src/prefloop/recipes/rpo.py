"""Regularised preference optimisation: DPO beside imitation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.imitation import nll_of_best
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def rpo(*, beta: float = 0.1, eta: float = 0.005, **common: Unpack[Direct]) -> Recipe:
    """DPO that also imitates the preferred answers, so that these do not become less likely."""
    return direct(
        name="rpo",
        paper="Liu et al. 2024, arXiv 2405.16436",
        summary="learns from pairs and imitates the preferred answers",
        objective=(Term(objective=bind(objective, beta=beta)), Term(objective=bind(nll_of_best), weight=eta)),
        **common,
    )
