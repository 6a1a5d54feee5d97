"""Best-of-n distillation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import rloo as leave_one_out
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ..shaping.references import best_of_n_ratio, drawn_baseline
from ._families import REFERENCE, Online, online


def bond(*, n: int = 4, draws: int = 16, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by how much likelier an answer is as the best of n answers of the reference, the KL priced at 1."""
    return online(
        name="bond",
        paper="Sessa et al. 2024, arXiv 2407.14622, the backward KL alone and a fixed anchor",
        summary="learns to answer like the best of n answers of the reference",
        models=REFERENCE,
        draws=draws,
        derive=(
            bind(drawn_baseline),
            bind(best_of_n_ratio, n=n),
            bind(kl_in_reward, beta=1.0),
            bind(total_reward),
            bind(leave_one_out),
        ),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
