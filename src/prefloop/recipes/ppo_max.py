"""Proximal policy optimisation with all that keeps it stable."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import After, Dial
from ..objectives.policy import dual_clip
from ..recipe import Model, Recipe, Term
from ..shaping.transforms import clipped, standardised
from . import SMOLLM2
from ._families import Online
from .ppo import ppo


def ppo_max(
    *, beta: float | Dial = 0.05, lam: float = 0.95, cut: float = 5.0, alone: int = 10, **common: Unpack[Online]
) -> Recipe:
    """PPO on standardised rewards, cut at both ends, with a critic that starts as the reward model and learns first.

    `cut` is where, in standard deviations. For the first `alone` steps the critic learns by itself. The clips of the
    gradient's norm, of the value and of the ratio, the second clip of negative advantages among them, the KL in every
    token of the reward and the whitened advantages are all pieces of this recipe. Rewards are standardised by their
    own batch, where the paper keeps running figures; its pretraining mix is `ppo-ptx`'s `mix`.
    """
    whole = ppo(beta=beta, lam=lam, **common)
    _, value = whole.objective
    pays = common.get("model", SMOLLM2) if common.get("reward") else "reward"
    return replace(
        whole,
        name="ppo-max",
        paper="Zheng et al. 2023, arXiv 2307.04964, PPO-max; dual clip as in Ye et al. 2020, arXiv 1912.09729",
        summary="clipped policy gradient on standardised, cut rewards, with a critic that learns ahead",
        models={**whole.models, "critic": Model(source=pays, head="value", train=True)},
        derive=(bind(standardised), bind(clipped, low=-cut, high=cut), *whole.derive),
        objective=(Term(objective=bind(dual_clip), weight=After(steps=alone)), value),
    )
