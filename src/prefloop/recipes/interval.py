"""A reward model from ratings whose distances are meant."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.ratings import interval as objective
from ..recipe import Model, Recipe
from ._families import Fitted, fitted


def interval(*, lowest: float = 1.0, highest: float = 5.0, **common: Unpack[Fitted]) -> Recipe:
    """Regress ratings, which go from -1 at `lowest` to 1 at `highest`; their offset and noise are learnt."""
    return fitted(
        name="interval",
        paper="Gaussian regression, with a learnt offset and noise",
        summary="a reward model from ratings, whose distances are meant",
        objective=bind(objective, middle=(lowest + highest) / 2, unit=(highest - lowest) / 2),
        beside={"ratings": Model(head="numbers", channels=("offset", "log deviation"), train=True)},
        **common,
    )
