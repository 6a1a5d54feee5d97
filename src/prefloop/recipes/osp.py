"""DPO from strengths of preference."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import osp as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def osp(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs with a strength: each says how likely its first answer is the better one."""
    return direct(
        name="osp",
        paper="Zhai et al. 2024, arXiv 2405.14103",
        summary="learns from how strongly one of two answers is preferred",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
