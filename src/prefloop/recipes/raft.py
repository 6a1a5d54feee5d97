"""Reward-ranked fine-tuning."""

from __future__ import annotations

from ..binding import Bound, bind
from ..objectives.imitation import nll
from ..recipe import Decoding, Model, Optimiser, Recipe, Sample, Term
from ..scoring.model import model_score
from ..select import best_of
from . import SMOLLM2


def raft(
    *,
    model: str = SMOLLM2,
    reward: Bound | None = None,
    k: int = 4,
    lr: float = 1e-5,
    batch: int = 8,
    steps: int = 100,
    max_tokens: int = 64,
) -> Recipe:
    """Imitate the best-paid of each prompt's k answers."""
    return Recipe(
        name="raft",
        family="imitation",
        paper="Dong et al. 2023, arXiv 2304.06767, algorithm 1",
        summary="imitates the best of k own answers, again and again",
        models={
            "policy": Model(source=model, train=True),
            "ref": Model(source="policy"),
            "reward": Model(source="reward", head="score"),
        },
        sample=Sample(k=k, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": reward or bind(model_score, model="reward")},
        select=(bind(best_of),),
        objective=(Term(objective=bind(nll)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        steps=steps,
    )
