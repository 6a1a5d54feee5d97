"""A policy for the group of people that it serves worst."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ..shaping.channels import worst_group
from ._families import REFERENCE, Online, online


def maxmin(*, beta: float | Dial = 0.05, **common: Unpack[Online]) -> Recipe:
    """RLOO, paid in each step by the reward of the group that is worst off; the reward model has a channel for each."""
    return online(
        name="maxmin",
        paper="Chakraborty et al. 2024, arXiv 2402.08925, its max-min objective, by RLOO in place of PPO",
        summary="is paid by the group of people that is worst off with its answers now",
        models=REFERENCE,
        derive=(bind(worst_group), bind(kl_in_reward, beta=beta), bind(total_reward), bind(leave_one_out)),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
