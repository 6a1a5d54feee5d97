"""A reward model from pairs with strengths, the surer the further apart."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import margin_bradley_terry as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def bradley_terry_margin(*, most: float = 1.0, grades: int = 4, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to preferences of so many `grades`; the surest asks for a lead of `most`."""
    return fitted(
        name="bradley-terry-margin",
        paper="Touvron et al. 2023, arXiv 2307.09288, section 3.2.2",
        summary="a reward model from pairs, the surer ones further apart",
        objective=bind(objective, most=most, grades=grades),
        **common,
    )
