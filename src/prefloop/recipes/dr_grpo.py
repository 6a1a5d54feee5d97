"""GRPO done right: without the deviation, and with every answer divided by the same length."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import group_mean
from ..dials import Dial
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import LONGEST, REFERENCE, Online, online


def dr_grpo(*, beta: float | Dial = 0.05, passes: int = 1, minibatches: int = 1, **common: Unpack[Online]) -> Recipe:
    """No token counts less for its answer's length, and no group for its deviation; as published, `beta` = 0."""
    return online(
        name="dr-grpo",
        paper="Liu et al. 2025, arXiv 2503.20783, section 3.2; KL in the reward",
        summary="compares answers to one prompt by their mean alone, every token counting the same",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(group_mean)),
        objective=(Term(objective=bind(ppo_clip), per="constant", constant=float(common.get("max_tokens", LONGEST))),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
