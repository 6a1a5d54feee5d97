"""A model of preference that may go round in circles."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.cycles import general_preference as objective
from ..recipe import Recipe
from ._families import Fitted, fitted, planes_of


def general_preference(*, planes: int = 2, tau: float = 1.0, **common: Unpack[Fitted]) -> Recipe:
    """Fit an embedding of `planes` planes to which of two answers people preferred, in circles too."""
    return fitted(
        name="general-preference",
        paper="Zhang et al. 2024, arXiv 2410.02197, without unit length or weights of the planes",
        summary="a preference model for pairs that may go round in circles",
        objective=bind(objective, tau=tau),
        channels=planes_of(planes),
        **common,
    )
