"""A reward model from pairs, doubly robust by one that is there already."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import bradley_terry
from ..objectives.robust import doubly_robust_reward as objective
from ..recipe import Decoding, Draws, Model, Recipe
from ..scoring.model import model_score
from . import SMOLLM2
from ._families import LONGEST, Fitted, fitted


def vrpo_reward(*, draws: int = 4, max_tokens: int = LONGEST, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to pairs, with what another one expects of them taken off and put back over draws."""
    return fitted(
        name="vrpo-reward",
        paper="Ye et al. 2025, arXiv 2504.03784, around Bradley-Terry",
        summary="a reward model from pairs, made doubly robust by another one and draws of the reference",
        objective=bind(objective, loss=bind(bradley_terry)),
        beside={
            "ref": Model(source=common.get("model", SMOLLM2)),
            "judge": Model(source="judge", head="score"),
        },
        draws=Draws(k=draws, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": bind(model_score, model="judge")},
        **common,
    )
