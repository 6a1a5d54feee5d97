"""REINFORCE++ that compares answers to one prompt first."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import group_mean
from ..dials import Dial
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward, whiten_advantage
from ._families import REFERENCE, Online, online


def reinforce_plus_plus_baseline(
    *, beta: float | Dial = 0.05, passes: int = 1, minibatches: int = 1, **common: Unpack[Online]
) -> Recipe:
    """Rewards minus the mean of their group, then normalised over the whole batch and not, as in GRPO, the group."""
    return online(
        name="reinforce-plus-plus-baseline",
        paper="Hu et al. 2025, arXiv 2501.03262, the variant with a baseline; KL in the reward as in the one without",
        summary="compares answers to one prompt by their mean, and scales over the whole batch",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(group_mean), bind(whiten_advantage)),
        objective=(Term(objective=bind(ppo_clip)),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
