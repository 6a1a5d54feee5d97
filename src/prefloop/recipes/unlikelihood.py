"""Unlikelihood training."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.singles import unlikelihood as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def unlikelihood(*, alpha: float = 1.0, **common: Unpack[Direct]) -> Recipe:
    """Imitate answers that people liked and make the tokens of the others unlikely; `alpha` weighs the latter."""
    return direct(
        name="unlikelihood",
        paper="Welleck et al. 2019, arXiv 1908.04319",
        summary="imitates liked answers and makes the tokens of disliked ones unlikely",
        models={},
        objective=(Term(objective=bind(objective, alpha=alpha)),),
        **common,
    )
