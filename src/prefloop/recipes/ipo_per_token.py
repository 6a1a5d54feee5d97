"""Identity preference optimisation on mean log-ratios."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import ipo_per_token as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def ipo_per_token(*, tau: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """`ipo` on the mean log-ratio of a token, as TRL has it."""
    return direct(
        name="ipo-per-token",
        paper="Azar et al. 2023, arXiv 2310.12036, equation 17, log-ratios averaged over tokens",
        summary="brings pairs to a fixed lead per token, whatever their length",
        objective=(Term(objective=bind(objective, tau=tau)),),
        **common,
    )
