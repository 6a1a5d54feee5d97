"""Reinforced token optimisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Model, Recipe
from ..shaping.tokens import implicit_in_reward
from ._families import Online
from .ppo import ppo


def rto(
    *,
    beta: float | Dial = 0.05,
    dense: float = 0.05,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO that pays every token what a model trained with DPO thinks of it; the model `dpo` comes from outside."""
    plain = ppo(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common)
    price, *credit = plain.derive
    return replace(
        plain,
        name="rto",
        paper="Zhong et al. 2024, arXiv 2404.18922, without clipping",
        summary="PPO that pays every token what a model trained with DPO thinks of it",
        models={**plain.models, "dpo": Model(source="dpo")},
        derive=(price, bind(implicit_in_reward, dense=dense), *credit),
    )
