"""Direct preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def dpo(*, beta: float = 0.1, smoothing: float = 0.0, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs directly, without a reward model."""
    return direct(
        name="dpo",
        paper="Rafailov et al. 2023, arXiv 2305.18290, equation 7",
        summary="learns from pairs of answers without a reward model",
        objective=(Term(objective=bind(objective, beta=beta, smoothing=smoothing)),),
        **common,
    )
