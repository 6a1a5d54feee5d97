"""Variance-reduced preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import Bound, bind
from ..objectives.pairs import dpo
from ..objectives.robust import doubly_robust as objective
from ..recipe import Decoding, Draws, Model, Recipe, Term
from ..scoring.model import model_score
from ._families import REFERENCE, Direct, direct


def vrpo(
    *,
    beta: float = 0.1,
    loss: Bound | None = None,
    draws: int = 4,
    max_tokens: int = 64,
    reward: Bound | None = None,
    **common: Unpack[Direct],
) -> Recipe:
    """Learn from pairs, and from what a reward makes of draws of the reference; either may be wrong, not both.

    `loss` is the loss on pairs that is wrapped, DPO at `beta` unless another is given.
    """
    return direct(
        name="vrpo",
        paper="Ye et al. 2025, arXiv 2504.03784, the pairs among all draws in place of one pair of them",
        summary="learns from pairs, steadied by a reward and by answers of the reference",
        models={**REFERENCE, "reward": Model(source="reward", head="score")},
        draws=Draws(k=draws, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": reward or bind(model_score, model="reward")},
        objective=(Term(objective=bind(objective, loss=loss or bind(dpo, beta=beta))),),
        **common,
    )
