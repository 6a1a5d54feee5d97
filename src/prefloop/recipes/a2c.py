"""Advantage actor-critic."""

from __future__ import annotations

import math
from typing import Unpack

from ..binding import bind
from ..credit import gae
from ..dials import Dial
from ..objectives.critic import value_clip
from ..objectives.policy import reinforce
from ..recipe import Model, Recipe, Term
from ..shaping import kl_in_reward
from . import SMOLLM2
from ._families import REFERENCE, Online, online


def a2c(*, beta: float | Dial = 0.05, lam: float = 1.0, **common: Unpack[Online]) -> Recipe:
    """Returns minus what a critic of its own predicted; without the entropy bonus, whose part the KL plays."""
    return online(
        name="a2c",
        paper="Mnih et al. 2016, arXiv 1602.01783, in one process; reward as in Stiennon et al. 2020, arXiv 2009.01325",
        summary="plain policy gradient with a learned critic, KL in every token of the reward",
        models={**REFERENCE, "critic": Model(source=common.get("model", SMOLLM2), head="value", train=True)},
        derive=(bind(kl_in_reward, beta=beta), bind(gae, lam=lam)),
        objective=(Term(objective=bind(reinforce)), Term(objective=bind(value_clip, clip=math.inf), weight=0.5)),
        head=10.0,
        **common,
    )
