"""The log-ratio modulated loss."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import discopop as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def discopop(*, beta: float = 0.05, tau: float = 0.05, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs by a loss that a language model found."""
    return direct(
        name="discopop",
        paper="Lu et al. 2024, arXiv 2406.08414, equation 5",
        summary="learns from pairs by a blend of two losses, found by search",
        objective=(Term(objective=bind(objective, beta=beta, tau=tau)),),
        **common,
    )
