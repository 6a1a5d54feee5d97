"""A reward, and beside it what goes round in circles."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.cycles import hybrid_preference as objective
from ..recipe import Recipe
from ._families import Fitted, fitted, planes_of


def hybrid_preference(*, planes: int = 2, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward and an embedding of `planes` planes to pairs: what is transitive, and what goes round."""
    return fitted(
        name="hybrid-preference",
        paper="Huang et al. 2026, arXiv 2605.17342, the reward and the cyclic part as a sum",
        summary="a reward beside a cyclic part, from pairs",
        objective=bind(objective),
        channels=("reward", *planes_of(planes)),
        **common,
    )
