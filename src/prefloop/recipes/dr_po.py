"""Dataset reset policy optimisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from ._families import REFERENCE, Online, online


def dr_po(
    *,
    resets: float = 0.5,
    beta: float | Dial = 0.05,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """Policy gradient whose answers begin, at a share `resets` of the prompts, with a part of a preferred answer.

    The policy goes on from there and learns from what it says itself: the part is read and not learnt, and its KL is
    not paid. `data` says where the judged answers are. All answers to a prompt begin alike, so that they are compared
    with each other.
    """
    plain = online(
        name="dr-po",
        paper="Chang et al. 2024, arXiv 2404.08495, with answers compared in their group in place of a critic",
        summary="policy gradient from answers that begin with a part of a preferred one",
        models=REFERENCE,
        derive=(bind(kl_in_reward, beta=beta), bind(total_reward), bind(leave_one_out)),
        objective=(Term(objective=bind(ppo_clip), per="constant", constant=1.0),),
        passes=passes,
        minibatches=minibatches,
        **common,
    )
    assert plain.sample is not None
    return replace(plain, sample=replace(plain.sample, resets=resets))
