"""Pairwise proximal policy optimisation, P3O."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..objectives.policy import pairwise_ppo as objective
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def pairwise_ppo(
    *, beta: float | Dial = 0.05, passes: int = 1, minibatches: int = 1, **common: Unpack[Online]
) -> Recipe:
    """Two responses to each prompt, of which only the difference of their rewards is read."""
    common.setdefault("k", 2)
    return online(
        name="pairwise-ppo",
        paper="Wu et al. 2023, arXiv 2310.00212, in the form with one clip for both answers; KL in the reward",
        summary="learns from the difference in reward of two own answers, clipped together",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward)),
        objective=(Term(objective=bind(objective)),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
