"""Variational preference learning: a latent vector of everybody who judged, known roughly."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.personal import latent_preference
from ..recipe import Model, Recipe
from ..scoring.directions import everybodys_and
from ._families import Fitted, fitted


def vpl(*, dimensions: int = 2, price: float = 0.01, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward that depends on a latent vector, and for everybody a mean and a spread of it, to their pairs."""
    shared, *ways = everybodys_and(dimensions)
    return fitted(
        name="vpl",
        paper="Poddar et al. 2024, arXiv 2408.10075, linear in z, with a table for the people in place of an encoder",
        summary="a reward that depends on a latent vector of whoever judged, with how unsure it is of that",
        objective=bind(latent_preference, price=price),
        channels=(shared, *ways),
        beside={"people": Model(head="traits", channels=(*ways, *(f"spread of {w}" for w in ways)), train=True)},
        **common,
    )
