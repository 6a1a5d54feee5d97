"""Contrastive preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.imitation import nll_of_best
from ..objectives.reference_free import cpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def cpo(*, beta: float = 0.1, alpha: float = 1.0, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs without a reference model, and imitate the preferred answers."""
    return direct(
        name="cpo",
        paper="Xu et al. 2024, arXiv 2401.08417, equation 3 and the likelihood of preferred answers",
        summary="learns from pairs without a reference, and imitates the preferred answers",
        models={},
        objective=(Term(objective=bind(objective, beta=beta)), Term(objective=bind(nll_of_best), weight=alpha)),
        **common,
    )
