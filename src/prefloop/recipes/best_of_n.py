"""Best of n, without any training."""

from __future__ import annotations

from ..binding import Bound, bind
from ..recipe import Decoding, Model, Recipe, Sample
from ..scoring.model import model_score
from ..select import best_of
from . import SMOLLM2


def best_of_n(*, model: str = SMOLLM2, reward: Bound | None = None, n: int = 16, max_tokens: int = 64) -> Recipe:
    """Draw n answers and give the best-paid one: the baseline every trained policy must beat at the same KL."""
    return Recipe(
        name="best-of-n",
        family="imitation",
        paper="Stiennon et al. 2020, arXiv 2009.01325, appendix G.3",
        summary="draws n answers and gives the best-paid one; trains nothing",
        models={"policy": Model(source=model), "reward": Model(source="reward", head="score")},
        sample=Sample(k=n, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": reward or bind(model_score, model="reward")},
        select=(bind(best_of),),
    )
