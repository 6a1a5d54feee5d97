"""REINFORCE with the batch mean as its baseline."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import batch_mean
from ..dials import Dial
from ..objectives.policy import reinforce as objective
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def reinforce(*, beta: float | Dial = 0.05, **common: Unpack[Online]) -> Recipe:
    """One response to each prompt is enough: rewards are compared across the whole batch."""
    return online(
        name="reinforce",
        paper="Williams 1992; Ziegler et al. 2019, arXiv 1909.08593, equation 2 for the reward",
        summary="the plainest policy gradient, KL in the reward",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(batch_mean)),
        objective=(Term(objective=bind(objective), per="constant", constant=1.0),),
        **common,
    )
