"""DPO-Positive."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.margins import dpop as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def dpop(*, beta: float = 0.3, lam: float = 50.0, **common: Unpack[Direct]) -> Recipe:
    """DPO that does not let the preferred answers become less likely than they were."""
    return direct(
        name="dpop",
        paper="Pal et al. 2024, arXiv 2402.13228, equation 3",
        summary="learns from pairs and keeps the preferred answers likely",
        objective=(Term(objective=bind(objective, beta=beta, lam=lam)),),
        **common,
    )
