"""REINFORCE with the batch mean as its baseline."""

from __future__ import annotations

from ..binding import Bound, bind
from ..credit import batch_mean
from ..dials import Dial
from ..objectives.policy import reinforce as reinforce_objective
from ..recipe import Decoding, Model, Optimiser, Recipe, Sample, Term
from ..scoring.model import model_score
from ..shaping import kl_in_reward, total_reward
from . import SMOLLM2


def reinforce(
    *,
    model: str = SMOLLM2,
    reward: Bound | None = None,
    k: int = 4,
    beta: float | Dial = 0.05,
    lr: float = 1e-5,
    batch: int = 8,
    steps: int = 100,
    max_tokens: int = 64,
) -> Recipe:
    """One response to each prompt is enough: rewards are compared across the whole batch."""
    return Recipe(
        name="reinforce",
        family="online",
        paper="Williams 1992; Ziegler et al. 2019, arXiv 1909.08593, equation 2 for the reward",
        summary="the plainest policy gradient, KL in the reward",
        models={
            "policy": Model(source=model, train=True),
            "ref": Model(source="policy"),
            "reward": Model(source="reward", head="score"),
        },
        sample=Sample(k=k, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": reward or bind(model_score, model="reward")},
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(batch_mean)),
        objective=(Term(objective=bind(reinforce_objective), per="constant", constant=1.0),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        steps=steps,
    )
