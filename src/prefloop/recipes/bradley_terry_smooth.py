"""A reward model from pairs with smoothed labels."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import smoothed_bradley_terry as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def bradley_terry_smooth(*, smoothing: float = 0.1, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to pairs of which none counts as certain."""
    return fitted(
        name="bradley-terry-smooth",
        paper="Wang et al. 2024, arXiv 2401.06080, its label smoothing",
        summary="a reward model from pairs, held back from certainty",
        objective=bind(objective, smoothing=smoothing),
        **common,
    )
