"""Group-in-group policy optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import gigpo as group_in_group
from ..dials import Dial
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward
from ._families import REFERENCE, Online, online


def gigpo(
    *,
    beta: float | Dial = 0.05,
    omega: float = 1.0,
    gamma: float = 1.0,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """Answers are compared as wholes, and tokens with others after the same beginning; one turn, no environment."""
    return online(
        name="gigpo",
        paper="Feng et al. 2025, arXiv 2505.10978, without deviations, tokens for steps; KL in the reward",
        summary="compares answers to one prompt, and what they went on with after the same beginning",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(group_in_group, omega=omega, gamma=gamma)),
        objective=(Term(objective=bind(ppo_clip)),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
