"""DPO that corrects for flipped labels."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import robust_dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def robust_dpo(*, beta: float = 0.1, flips: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs of which a known share is labelled the wrong way round."""
    return direct(
        name="robust-dpo",
        paper="Chowdhury et al. 2024, arXiv 2403.00409, section 3.1",
        summary="learns from pairs as if the share of wrong labels were not there",
        objective=(Term(objective=bind(objective, beta=beta, flips=flips)),),
        **common,
    )
