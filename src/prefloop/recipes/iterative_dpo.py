"""Direct preference optimisation in rounds."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe
from ._families import Online, own_pairs


def iterative_dpo(
    *,
    beta: float = 0.1,
    price: float = 0.0,
    explore: float = 1.0,
    passes: int = 2,
    minibatches: int = 16,
    **common: Unpack[Online],
) -> Recipe:
    """Rounds of DPO on own answers: draw for many prompts, pair the best with the worst, learn for a few passes, again.

    A round is a step: all its answers are drawn before anything moves, and a run that was stopped goes on with the next
    one. The reference is the policy of the very start in every round. The pairs of earlier rounds are not kept.
    `price` of a token is taken off the reward before answers are paired; `explore` is how much hotter than the policy
    itself answers are drawn. `reward` may be a judge of two answers.
    """
    common.setdefault("k", 8)
    common.setdefault("batch", 128)
    common.setdefault("steps", 3)
    return own_pairs(
        name="iterative-dpo",
        paper="Dong et al. 2024, arXiv 2405.07863 (RLHF Workflow), in the form of its published code",
        summary="learns in rounds from the best and the worst of many own answers",
        objective=bind(objective, beta=beta),
        price=price,
        explore=explore,
        passes=passes,
        minibatches=minibatches,
        checkpoint=1,
        **common,
    )
