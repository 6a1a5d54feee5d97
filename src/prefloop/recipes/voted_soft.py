"""A reward model from pairs with the probability that others give them."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import soft_bradley_terry as objective
from ..recipe import Recipe
from ..shaping.votes import voted_target, votes
from ._families import VOTERS, Fitted, voted


def voted_soft(*, voters: tuple[str, ...] = VOTERS, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to how probable several reward models fitted before find the order of each pair."""
    return voted(
        name="voted-soft",
        paper="Wang et al. 2024, arXiv 2401.06080, its soft labels, given by a vote",
        summary="a reward model from pairs, with soft labels by a vote of others",
        objective=bind(objective),
        derive=(bind(votes), bind(voted_target)),
        voters=voters,
        **common,
    )
