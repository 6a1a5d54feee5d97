"""Best-of-n distillation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..recipe import Recipe
from ..shaping.references import best_of_n_ratio
from ._families import Online, beside_reference


def bond(*, n: int = 4, draws: int = 16, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by how much likelier an answer is as the best of n answers of the reference, the KL priced at 1."""
    return beside_reference(
        name="bond",
        paper="Sessa et al. 2024, arXiv 2407.14622, the backward KL alone and a fixed anchor",
        summary="learns to answer like the best of n answers of the reference",
        paid=bind(best_of_n_ratio, n=n),
        beta=1.0,
        draws=draws,
        **common,
    )
