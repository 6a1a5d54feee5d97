"""Contrastive rewards."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ..shaping.references import contrastive, drawn_baseline
from ._families import REFERENCE, Online, online


def contrastive_reward(*, beta: float | Dial = 0.05, draws: int = 4, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by how much more than answers of the reference, drawn beside its own."""
    return online(
        name="contrastive-reward",
        paper="Shen et al. 2024, arXiv 2403.07708, with RLOO and answers drawn anew",
        summary="is paid by how much more than answers of the reference",
        models=REFERENCE,
        draws=draws,
        derive=(
            bind(drawn_baseline),
            bind(contrastive),
            bind(kl_in_reward, beta=beta),
            bind(total_reward),
            bind(leave_one_out),
        ),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
