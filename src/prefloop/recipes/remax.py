"""REINFORCE with the reward of the greedy answer as its baseline."""

from __future__ import annotations

from typing import Unpack

from ..baselines import above_baseline
from ..binding import bind
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def remax(*, beta: float | Dial = 0.05, **common: Unpack[Online]) -> Recipe:
    """Each response is compared with the greedy one, which is drawn and paid as well; as published, k = 1."""
    return online(
        name="remax",
        paper="Li et al. 2023, arXiv 2310.10505; KL in the reward",
        summary="compares each answer with the greedy one to its prompt",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(above_baseline)),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        greedy=True,
        **common,
    )
