"""REINFORCE with a leave-one-out baseline."""

from __future__ import annotations

from ..binding import Bound, bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Decoding, Model, Optimiser, Recipe, Sample, Term
from ..scoring.model import model_score
from ..shaping import kl_in_reward, total_reward
from . import SMOLLM2


def rloo(
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
    """The whole response is one action; each is compared with the mean of the others to the same prompt."""
    return Recipe(
        name="rloo",
        family="online",
        paper="Ahmadian et al. 2024, arXiv 2402.14740, equation 9, KL in the reward",
        summary="compares each answer with the mean of the others to its prompt",
        models={
            "policy": Model(source=model, train=True),
            "ref": Model(source="policy"),
            "reward": Model(source="reward", head="score"),
        },
        sample=Sample(k=k, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": reward or bind(model_score, model="reward")},
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(leave_one_out)),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        steps=steps,
    )
