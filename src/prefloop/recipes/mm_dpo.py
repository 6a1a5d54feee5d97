"""DPO with dynamic reward scaling."""

from __future__ import annotations

from typing import Unpack

from ..binding import Bound, bind
from ..objectives.margins import mm_dpo as objective
from ..recipe import Model, Recipe, Term
from ..scoring.model import model_score
from ._families import REFERENCE, Direct, direct


def mm_dpo(
    *,
    beta: float = 0.1,
    weight: float = 0.5,
    steepness: float = 0.5,
    reward: Bound | None = None,
    **common: Unpack[Direct],
) -> Recipe:
    """DPO that learns more from pairs which a reward model finds far apart."""
    return direct(
        name="mm-dpo",
        paper="Zhang et al. 2025, arXiv 2502.10391",
        summary="learns from pairs, most from those that a reward parts most",
        models={**REFERENCE, "reward": Model(source="reward", head="score")},
        score={"reward": reward or bind(model_score, model="reward")},
        objective=(Term(objective=bind(objective, beta=beta, weight=weight, steepness=steepness)),),
        **common,
    )
