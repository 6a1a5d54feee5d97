"""A reward model from pairs."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import bradley_terry as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def bradley_terry(**common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to which of two answers people preferred."""
    return fitted(
        name="bradley-terry",
        paper="Bradley and Terry 1952; Stiennon et al. 2020, arXiv 2009.01325, equation 1",
        summary="a reward model from pairs of answers",
        objective=bind(objective),
        **common,
    )
