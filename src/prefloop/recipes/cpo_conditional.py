"""Constrained preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.margins import constrained_dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def cpo_conditional(
    *, beta: float = 2.5, gamma: float = 0.5, tau: float = 2.0, alpha: float = 1.0, **common: Unpack[Direct]
) -> Recipe:
    """DPO that is not content with a preferred answer which the reference, and still the policy, finds less likely."""
    return direct(
        name="cpo-conditional",
        paper="Yang et al. 2026, arXiv 2605.20834, as released; not the contrastive `cpo`",
        summary="learns from pairs and wants the preferred answer ahead, whatever the reference held",
        objective=(Term(objective=bind(objective, beta=beta, gamma=gamma, tau=tau, alpha=alpha)),),
        **common,
    )
