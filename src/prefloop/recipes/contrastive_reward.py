"""Contrastive rewards."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Recipe
from ..shaping.references import contrastive
from ._families import Online, beside_reference


def contrastive_reward(*, beta: float | Dial = 0.05, draws: int = 4, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by how much more than answers of the reference, drawn beside its own."""
    return beside_reference(
        name="contrastive-reward",
        paper="Shen et al. 2024, arXiv 2403.07708, with RLOO and answers drawn anew",
        summary="is paid by how much more than answers of the reference",
        paid=bind(contrastive),
        beta=beta,
        draws=draws,
        **common,
    )
