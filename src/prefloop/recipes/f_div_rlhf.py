"""Policy gradient held to the reference by another divergence than the KL."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping.kl import Divergence, divergence_in_reward
from ._families import REFERENCE, Online, online


def f_div_rlhf(*, beta: float | Dial = 0.05, divergence: Divergence = "js", **common: Unpack[Online]) -> Recipe:
    """RLOO with the price of an f-divergence in the reward, in place of that of the KL."""
    return online(
        name="f-div-rlhf",
        paper="the regulariser of Wang et al. 2023, arXiv 2309.16240, in the reward of RLOO, arXiv 2402.14740",
        summary="RLOO held to the reference by a divergence of your choice",
        models=REFERENCE,
        derive=(bind(divergence_in_reward, beta=beta, divergence=divergence), bind(leave_one_out)),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
