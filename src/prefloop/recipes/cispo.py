"""Clipped importance sampling policy optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import grpo
from ..dials import Dial
from ..objectives.policy import cispo as objective
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def cispo(*, beta: float | Dial = 0.05, passes: int = 1, minibatches: int = 1, **common: Unpack[Online]) -> Recipe:
    """GRPO that bounds how much a token counts and leaves none without a gradient."""
    return online(
        name="cispo",
        paper="MiniMax 2025, arXiv 2506.13585, MiniMax-M1; KL in the reward",
        summary="compares answers to one prompt by bounded importance weights",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(grpo)),
        objective=(Term(objective=bind(objective)),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
