"""Decoupled clip and dynamic sampling policy optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import grpo
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..select import varied
from ..shaping import overlong
from ._families import LONGEST, Online, online


def dapo(
    *,
    low: float = 0.2,
    high: float = 0.28,
    margin: int = 12,
    refill: int = 3,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """GRPO without a KL; a wider clip upwards, prompts whose answers are paid alike replaced, a price on length.

    `refill` is how often a step draws other prompts for those that were left out, until the batch is full; after that
    it is smaller, and the metric `redrawn` says how many were drawn. The paper goes on for as long as it takes.
    """
    return online(
        name="dapo",
        paper="Yu et al. 2025, arXiv 2503.14476, section 3; prompts left out are drawn anew a few times",
        summary="maximises a reward without a reference, replacing prompts whose answers are paid alike",
        select=(bind(varied),),
        derive=(bind(overlong, longest=common.get("max_tokens", LONGEST), margin=margin), bind(grpo)),
        objective=(Term(objective=bind(ppo_clip, low=low, high=high)),),
        refill=refill,
        passes=passes,
        minibatches=minibatches,
        **common,
    )
