"""Group sequence policy optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import grpo
from ..dials import Dial
from ..objectives.policy import gspo as objective
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def gspo(*, beta: float | Dial = 0.05, passes: int = 1, minibatches: int = 1, **common: Unpack[Online]) -> Recipe:
    """GRPO with one ratio, and one clip, for each whole response."""
    return online(
        name="gspo",
        paper="Zheng et al. 2025, arXiv 2507.18071; KL in the reward",
        summary="compares answers to one prompt, and clips each as a whole",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(grpo)),
        objective=(Term(objective=bind(objective)),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
