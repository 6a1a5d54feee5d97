"""A reward model from grades of which only the order is meant."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.ratings import ordinal as objective
from ..recipe import Model, Recipe
from ._families import Fitted, fitted


def ordinal(*, lowest: int = 1, highest: int = 5, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to whole grades from `lowest` to `highest`; how far apart they are is learnt."""
    gaps = (f"{grade} to {grade + 1}" for grade in range(lowest + 1, highest))
    return fitted(
        name="ordinal",
        paper="McCullagh 1980, the cumulative link model with proportional odds",
        summary="a reward model from grades, whose distances are learnt",
        objective=bind(objective, lowest=float(lowest)),
        beside={"grades": Model(head="numbers", channels=("middle", *gaps), train=True)},
        **common,
    )
