"""Identity preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import ipo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def ipo(*, tau: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs without running off where an answer is always preferred."""
    return direct(
        name="ipo",
        paper="Azar et al. 2023, arXiv 2310.12036, equation 17, log-ratios summed over tokens",
        summary="brings pairs to a fixed lead instead of ever further apart",
        objective=(Term(objective=bind(objective, tau=tau)),),
        **common,
    )
