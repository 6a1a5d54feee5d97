"""A reward model from pairs with a probability."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import soft_bradley_terry as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def bradley_terry_soft(**common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to how many, or how surely, preferred the first of two answers."""
    return fitted(
        name="bradley-terry-soft",
        paper="Wang et al. 2024, arXiv 2401.06080, its soft labels",
        summary="a reward model from pairs with a share of people or a probability",
        objective=bind(objective),
        **common,
    )
