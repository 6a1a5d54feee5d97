"""Efficient exact optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import exo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def exo(*, beta: float = 0.1, smoothing: float = 1e-3, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs by the divergence that seeks one mode, as online methods do."""
    return direct(
        name="exo",
        paper="Ji et al. 2024, arXiv 2402.00856, equation 16",
        summary="learns from pairs by the reverse of the divergence of DPO",
        objective=(Term(objective=bind(objective, beta=beta, smoothing=smoothing)),),
        **common,
    )
