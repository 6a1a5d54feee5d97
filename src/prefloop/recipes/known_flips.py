"""A reward model from pairs of which some are turned round."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.flips import known_flips as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def known_flips(*, flips: float = 0.1, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to pairs of which the share `flips` is recorded the wrong way round."""
    return fitted(
        name="known-flips",
        paper="the likelihood of Bradley and Terry 1952 through symmetric noise",
        summary="a reward model from pairs, a known share of them turned round",
        objective=bind(objective, flips=flips),
        **common,
    )
