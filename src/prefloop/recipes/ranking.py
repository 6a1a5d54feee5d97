"""A reward model from rankings."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rankings import ranking as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def ranking(**common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to answers in the order people gave them, in which some may be equal."""
    return fitted(
        name="ranking",
        paper="Plackett 1975; ties as in Kalbfleisch and Prentice 1973, exactly",
        summary="a reward model from rankings, ties included",
        objective=bind(objective),
        **common,
    )
