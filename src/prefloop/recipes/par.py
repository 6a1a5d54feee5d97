"""Preference as reward."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Recipe
from ..shaping.references import par as preference
from ._families import Online, beside_reference


def par(*, beta: float | Dial = 0.05, draws: int = 1, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by the probability of being preferred to answers of the reference, drawn beside its own."""
    return beside_reference(
        name="par",
        paper="Fu et al. 2025, arXiv 2502.18770, with RLOO",
        summary="is paid by the probability of being preferred to an answer of the reference",
        paid=bind(preference),
        beta=beta,
        draws=draws,
        **common,
    )
