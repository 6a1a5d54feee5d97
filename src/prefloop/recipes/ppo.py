"""Proximal policy optimisation with a critic."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import gae
from ..dials import Dial
from ..objectives.critic import value_clip
from ..objectives.policy import ppo_clip
from ..recipe import Model, Recipe, Term
from ..shaping import kl_in_reward, whiten_advantage
from . import SMOLLM2
from ._families import REFERENCE, Online, online


def ppo(
    *,
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """A critic of its own predicts the reward to come; advantages by GAE, whitened over the batch."""
    critic = Model(source=common.get("model", SMOLLM2), head="value", train=True)
    return online(
        name="ppo",
        paper="Schulman et al. 2017, arXiv 1707.06347, equation 7; reward as in Stiennon et al. 2020, arXiv 2009.01325",
        summary="clipped policy gradient with a learned critic, KL in every token of the reward",
        models={**REFERENCE, "critic": critic},
        derive=(bind(kl_in_reward, beta=beta), bind(gae, lam=lam), bind(whiten_advantage)),
        objective=(Term(objective=bind(ppo_clip)), Term(objective=bind(value_clip), weight=0.5)),
        head=10.0,
        passes=passes,
        minibatches=minibatches,
        **common,
    )
