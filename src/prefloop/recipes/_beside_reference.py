"""Methods that hold a reward against those of reference answers: for who gives a `baseline`.

Each takes `given`, the pieces that give it, and is otherwise complete.
"""

from __future__ import annotations

from typing import Unpack

from ..binding import Bound, bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ..shaping.references import best_of_n_ratio, contrastive
from ..shaping.references import par as preference
from ._families import REFERENCE, Online, online


def par(*, given: tuple[Bound, ...], beta: float | Dial = 0.05, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by the probability of being preferred to reference answers."""
    return _beside(
        *given,
        bind(preference),
        beta=beta,
        name="par",
        paper="Fu et al. 2025, arXiv 2502.18770, with RLOO",
        summary="is paid by the probability of being preferred to a reference answer",
        **common,
    )


def contrastive_reward(*, given: tuple[Bound, ...], beta: float | Dial = 0.05, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by how much more than reference answers."""
    return _beside(
        *given,
        bind(contrastive),
        beta=beta,
        name="contrastive-reward",
        paper="Shen et al. 2024, arXiv 2403.07708, with RLOO",
        summary="is paid by how much more than reference answers",
        **common,
    )


def bond(*, given: tuple[Bound, ...], n: int = 4, **common: Unpack[Online]) -> Recipe:
    """RLOO paid by how much likelier an answer is as the best of n reference answers, the KL priced at 1."""
    return _beside(
        *given,
        bind(best_of_n_ratio, n=n),
        beta=1.0,
        name="bond",
        paper="Sessa et al. 2024, arXiv 2407.14622, the backward KL alone and a fixed anchor",
        summary="learns to answer like the best of n answers of the reference",
        **common,
    )


def _beside(*paid: Bound, beta: float | Dial, name: str, paper: str, summary: str, **common: Unpack[Online]) -> Recipe:
    return online(
        name=name,
        paper=paper,
        summary=summary,
        models=REFERENCE,
        derive=(*paid, bind(kl_in_reward, beta=beta), bind(total_reward), bind(leave_one_out)),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
