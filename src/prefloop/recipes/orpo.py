"""Odds ratio preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.imitation import nll_of_best_per_token
from ..objectives.reference_free import orpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def orpo(*, lam: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Imitate the preferred answers and part their odds from those of the others, in one stage."""
    return direct(
        name="orpo",
        paper="Hong et al. 2024, arXiv 2403.07691, equations 6 and 7",
        summary="imitates the preferred answers and parts their odds from the others'",
        models={},
        objective=(Term(objective=bind(objective), weight=lam), Term(objective=bind(nll_of_best_per_token))),
        **common,
    )
