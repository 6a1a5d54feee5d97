"""Multi-objective DPO."""

from __future__ import annotations

from typing import Unpack

from ..binding import Bound, bind
from ..objectives.margins import modpo as objective
from ..recipe import Model, Recipe, Term
from ..scoring.model import model_score
from ._families import REFERENCE, Direct, direct


def modpo(*, beta: float = 0.1, share: float = 0.5, reward: Bound | None = None, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs what people judged them by, and from a reward what else matters."""
    return direct(
        name="modpo",
        paper="Zhou et al. 2023, arXiv 2310.03708",
        summary="learns from pairs, beside a reward for something else",
        models={**REFERENCE, "reward": Model(source="reward", head="score")},
        score={"reward": reward or bind(model_score, model="reward")},
        objective=(Term(objective=bind(objective, beta=beta, share=share)),),
        **common,
    )
