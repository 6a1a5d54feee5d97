"""Preference as reward."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ..shaping.references import drawn_baseline
from ..shaping.references import par as preference
from ._families import REFERENCE, Online, online


def par(*, beta: float | Dial = 0.05, draws: int = 1, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by the probability of being preferred to answers of the reference, drawn beside its own."""
    return online(
        name="par",
        paper="Fu et al. 2025, arXiv 2502.18770, with RLOO",
        summary="is paid by the probability of being preferred to an answer of the reference",
        models=REFERENCE,
        draws=draws,
        derive=(
            bind(drawn_baseline),
            bind(preference),
            bind(kl_in_reward, beta=beta),
            bind(total_reward),
            bind(leave_one_out),
        ),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
