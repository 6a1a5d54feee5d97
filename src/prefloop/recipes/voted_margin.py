"""A reward model that asks for as wide a lead as others gave."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.votes import voted_margin as objective
from ..recipe import Recipe
from ..shaping.votes import votes
from ._families import VOTERS, Fitted, voted


def voted_margin(*, voters: tuple[str, ...] = VOTERS, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to pairs, asking for the lead that several reward models fitted before give."""
    return voted(
        name="voted-margin",
        paper="Wang et al. 2024, arXiv 2401.06080, its adaptive margin",
        summary="a reward model from pairs, each with a margin by a vote of others",
        objective=bind(objective),
        derive=(bind(votes),),
        voters=voters,
        **common,
    )
