"""Group relative policy optimisation."""

from __future__ import annotations

from ..binding import Bound, bind
from ..credit import grpo as group_standard
from ..dials import Dial
from ..objectives.penalties import kl_k3
from ..objectives.policy import ppo_clip
from ..recipe import Decoding, Model, Optimiser, Recipe, Sample, Term
from ..scoring.model import model_score
from . import SMOLLM2


def grpo(
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
    """Rewards are standardised within the group; the KL penalty is the k3 estimate in the loss, as published."""
    return Recipe(
        name="grpo",
        family="online",
        paper="Shao et al. 2024, arXiv 2402.03300, equations 3 and 4",
        summary="compares answers to one prompt by mean and deviation, with clipping and KL in the loss",
        models={
            "policy": Model(source=model, train=True),
            "ref": Model(source="policy"),
            "reward": Model(source="reward", head="score"),
        },
        sample=Sample(k=k, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": reward or bind(model_score, model="reward")},
        derive=(bind(group_standard),),
        objective=(
            Term(objective=bind(ppo_clip), per="response"),
            Term(objective=bind(kl_k3), weight=beta, per="response"),
        ),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        steps=steps,
    )
