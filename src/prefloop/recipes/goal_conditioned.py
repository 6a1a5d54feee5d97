"""A reward model whose hidden states say early where an answer is going."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..objectives.contrastive import goal_states
from ..objectives.rewards import bradley_terry
from ..recipe import Recipe, Term
from ._families import Fitted, fitted


def goal_conditioned(*, goals: float | Dial = 0.5, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to pairs, and bring the states of a preferred answer near to its later ones.

    `goals` weighs that beside the comparisons.
    """
    return fitted(
        name="goal-conditioned",
        paper="Nath et al. 2024, arXiv 2407.13887, over all states of both answers",
        summary="a reward model from pairs whose hidden states point to where the answer is going",
        objective=bind(bradley_terry),
        further=(Term(objective=bind(goal_states), weight=goals),),
        **common,
    )
