"""Preference optimisation as probabilistic inference."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.singles import pmpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def pmpo(*, accepted: float = 0.5, rejected: float = 0.5, beta: float = 0.5, **common: Unpack[Direct]) -> Recipe:
    """Learn from thumbs of either kind. `accepted`, `rejected` and `beta` weigh the three terms; 0 switches one off."""
    common.setdefault("lr", 5e-6)
    return direct(
        name="pmpo",
        paper="Abdolmaleki et al. 2024, arXiv 2410.04166",
        summary="learns from accepted answers, rejected answers or both, held to the reference",
        objective=(Term(objective=bind(objective, accepted=accepted, rejected=rejected, beta=beta)),),
        **common,
    )
