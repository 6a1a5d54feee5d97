"""Maximum likelihood reinforcement learning."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import maxrl as by_mean
from ..objectives.policy import reinforce
from ..recipe import Recipe, Term
from ._families import Online, online


def maxrl(**common: Unpack[Online]) -> Recipe:
    """For rewards of 0 and 1: the more seldom a prompt is solved, the more each of its right answers counts."""
    return online(
        name="maxrl",
        paper="2026, arXiv 2602.02710, with the mean of the group taken away",
        summary="maximises the likelihood of right answers, so that hard prompts count most",
        derive=(bind(by_mean),),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )
