"""DPO from answers, prompts and gaps."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.levels import mapl_dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def mapl_dpo(*, beta: float = 0.1, inter: float = 1.0, **common: Unpack[Direct]) -> Recipe:
    """DPO that also learns what the prompt asks, from one answer under two prompts."""
    return direct(
        name="mapl-dpo",
        paper="Sun et al. 2025, arXiv 2505.12845",
        summary="learns from pairs of answers, of prompts, and of gaps under two prompts",
        objective=(Term(objective=bind(objective, beta=beta, inter=inter)),),
        **common,
    )
