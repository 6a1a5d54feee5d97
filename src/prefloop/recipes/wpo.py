"""Weighted preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.margins import wpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def wpo(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """DPO in which answers count the more, the likelier the policy is to give them."""
    return direct(
        name="wpo",
        paper="Zhou et al. 2024, arXiv 2406.11827, equation 2, without its alignment of weights",
        summary="learns most from pairs that could be its own",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
