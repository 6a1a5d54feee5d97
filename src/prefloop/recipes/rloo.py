"""REINFORCE with a leave-one-out baseline."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def rloo(*, beta: float | Dial = 0.05, **common: Unpack[Online]) -> Recipe:
    """The whole response is one action; each is compared with the mean of the others to the same prompt."""
    return online(
        name="rloo",
        paper="Ahmadian et al. 2024, arXiv 2402.14740, equation 9, KL in the reward",
        summary="compares each answer with the mean of the others to its prompt",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(leave_one_out)),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
