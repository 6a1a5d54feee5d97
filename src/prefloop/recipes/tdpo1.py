"""TDPO's first form: Bradley-Terry on the regret of every step."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.distributions import kl_from_reference
from ..objectives.token_level import tdpo1 as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def tdpo1(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs, each answer worth its log-ratio and the divergence from the reference along its way."""
    return direct(
        name="tdpo1",
        paper="Zeng et al. 2024, arXiv 2404.11999, TDPO_1",
        summary="DPO in which every token is worth its advantage over the reference's own",
        compare=(bind(kl_from_reference),),
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
