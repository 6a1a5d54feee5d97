"""TDPO: DPO that also holds every next-token distribution to the reference."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.distributions import kl_from_reference
from ..objectives.token_level import tdpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def tdpo(*, beta: float = 0.1, alpha: float = 0.5, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs, and hold the whole next-token distribution to the reference along the worse answer."""
    return direct(
        name="tdpo",
        paper="Zeng et al. 2024, arXiv 2404.11999, TDPO_2",
        summary="DPO with the divergence of every token held down along the worse answer",
        compare=(bind(kl_from_reference),),
        objective=(Term(objective=bind(objective, beta=beta, alpha=alpha)),),
        **common,
    )
