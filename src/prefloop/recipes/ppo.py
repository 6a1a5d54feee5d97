"""Proximal policy optimisation with a critic."""

from __future__ import annotations

from ..binding import Bound, bind
from ..credit import gae
from ..dials import Dial
from ..objectives.critic import value_clip
from ..objectives.policy import ppo_clip
from ..recipe import Decoding, Model, Optimiser, Recipe, Sample, Term
from ..scoring.model import model_score
from ..shaping import kl_in_reward, whiten_advantage
from . import SMOLLM2


def ppo(
    *,
    model: str = SMOLLM2,
    reward: Bound | None = None,
    k: int = 4,
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    minibatches: int = 1,
    passes: int = 1,
    lr: float = 1e-5,
    batch: int = 8,
    steps: int = 100,
    max_tokens: int = 64,
) -> Recipe:
    """A critic of its own predicts the reward to come; advantages by GAE, whitened over the batch."""
    return Recipe(
        name="ppo",
        family="online",
        paper="Schulman et al. 2017, arXiv 1707.06347, equation 7; reward as in Stiennon et al. 2020, arXiv 2009.01325",
        summary="clipped policy gradient with a learned critic, KL in every token of the reward",
        models={
            "policy": Model(source=model, train=True),
            "ref": Model(source="policy"),
            "critic": Model(source=model, head="value", train=True),
            "reward": Model(source="reward", head="score"),
        },
        sample=Sample(k=k, decoding=Decoding(max_tokens=max_tokens)),
        score={"reward": reward or bind(model_score, model="reward")},
        derive=(bind(kl_in_reward, beta=beta), bind(gae, lam=lam), bind(whiten_advantage)),
        objective=(Term(objective=bind(ppo_clip)), Term(objective=bind(value_clip), weight=0.5)),
        optimiser=Optimiser(lr=lr, head=10.0),
        batch=batch,
        steps=steps,
        passes=passes,
        minibatches=minibatches,
    )
