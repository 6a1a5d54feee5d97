"""REINFORCE with the tricks of PPO and without its critic."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import return_to_go
from ..dials import Dial
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, whiten_advantage
from ._families import REFERENCE, Online, online


def reinforce_plus_plus(
    *, beta: float | Dial = 0.05, gamma: float = 1.0, passes: int = 1, minibatches: int = 1, **common: Unpack[Online]
) -> Recipe:
    """One response to each prompt is enough: what is paid from each token on is compared across the whole batch."""
    return online(
        name="reinforce-plus-plus",
        paper="Hu et al. 2025, arXiv 2501.03262",
        summary="clipped policy gradient without a critic, credit normalised over the whole batch, KL in every token",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(return_to_go, gamma=gamma), bind(whiten_advantage)),
        objective=(Term(objective=bind(ppo_clip)),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
