"""PPO on the responses whose rewards can be trusted most."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Recipe
from ..select import Filter, filtered
from ._families import Online
from .ppo import ppo


def pf_ppo(
    *,
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    keep: Filter = "best-random",
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO on two of the k responses to each prompt: the best-paid and, by `keep`, a random one or the worst."""
    return replace(
        ppo(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common),
        name="pf-ppo",
        paper="Zhang et al. 2024, arXiv 2409.06957",
        summary="learns from the best of k own answers and one other, with a learned critic",
        select=(bind(filtered, keep=keep),),
    )
