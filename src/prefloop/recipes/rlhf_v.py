"""RLHF-V: dense direct preference optimisation, on corrected answers."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import corrected
from ..objectives.margins import dense_dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def rlhf_v(*, beta: float = 0.5, gamma: float = 5.0, **common: Unpack[Direct]) -> Recipe:
    """Learn from answers that people corrected, each before what it was: what they changed counts `gamma` times."""
    return direct(
        name="rlhf-v",
        paper="Yu et al. 2023, arXiv 2312.00849, its dense direct preference optimisation, on text",
        summary="learns from corrected answers, most from what was corrected",
        derive=(bind(corrected, gamma=gamma),),
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
