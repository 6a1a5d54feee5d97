"""REINFORCE with a running mean as its baseline."""

from __future__ import annotations

from typing import Unpack

from ..baselines import above_average
from ..binding import bind
from ..dials import Dial, MovingAverage
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def reinforce_ema(*, beta: float | Dial = 0.05, rate: float = 0.1, **common: Unpack[Online]) -> Recipe:
    """One response to each prompt is enough: rewards are compared with a mean of earlier steps, moved on by `rate`."""
    return online(
        name="reinforce-ema",
        paper="Williams 1992; Ziegler et al. 2019, arXiv 1909.08593, equation 2 for the reward",
        summary="compares each answer with what earlier ones were paid, KL in the reward",
        models=REFERENCE,
        derive=(
            bind(kl_in_reward, beta=beta),
            bind(total_reward),
            bind(above_average, average=MovingAverage(rate=rate)),
        ),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
