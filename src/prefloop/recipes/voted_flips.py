"""A reward model from pairs of which the most doubtful are turned round."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import bradley_terry as objective
from ..recipe import Recipe
from ..select import turned_by_vote
from ._families import VOTERS, Fitted, voted


def voted_flips(*, share: float = 0.1, voters: tuple[str, ...] = VOTERS, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to pairs, those turned round that several reward models fitted before doubt most."""
    return voted(
        name="voted-flips",
        paper="Wang et al. 2024, arXiv 2401.06080, its flipped labels",
        summary="a reward model from pairs, the most doubtful turned round by a vote of others",
        objective=bind(objective),
        select=(bind(turned_by_vote, share=share),),
        voters=voters,
        **common,
    )
