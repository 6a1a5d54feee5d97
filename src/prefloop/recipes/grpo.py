"""Group relative policy optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import Deviation
from ..credit import grpo as group_standard
from ..dials import Dial
from ..objectives.penalties import kl_k3
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ._families import REFERENCE, Online, online


def grpo(*, beta: float | Dial = 0.05, deviation: Deviation = "population", **common: Unpack[Online]) -> Recipe:
    """Rewards are standardised within the group; the KL penalty is the k3 estimate in the loss, as published."""
    return online(
        name="grpo",
        paper="Shao et al. 2024, arXiv 2402.03300, equations 3 and 4",
        summary="compares answers to one prompt by mean and deviation, with clipping and KL in the loss",
        models=REFERENCE,
        derive=(bind(group_standard, deviation=deviation),),
        objective=(
            Term(objective=bind(ppo_clip), per="response"),
            Term(objective=bind(kl_k3), weight=beta, per="response"),
        ),
        **common,
    )
