"""A hinge on log-ratios to the reference."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import slic as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def slic(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs until each is apart by a margin, and no further."""
    return direct(
        name="slic",
        paper="Liu et al. 2023, arXiv 2309.06657, the normalised hinge",
        summary="pushes pairs until they are a margin apart",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
