"""Simple preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.reference_free import simpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def simpo(*, beta: float = 2.0, gamma: float = 1.0, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs by mean log-probabilities, without a reference model."""
    common.setdefault("lr", 1e-6)
    return direct(
        name="simpo",
        paper="Meng et al. 2024, arXiv 2405.14734, equation 6",
        summary="learns from pairs without a reference, by the mean log-probability",
        models={},
        objective=(Term(objective=bind(objective, beta=beta, gamma=gamma)),),
        **common,
    )
