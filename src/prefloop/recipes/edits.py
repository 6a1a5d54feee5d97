"""A reward model from answers that people corrected."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import bradley_terry
from ..recipe import Recipe
from ..shaping.edits import changed_share
from ._families import Fitted, fitted


def edits(*, least: float = 0.0, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to corrected answers, each preferred to what it was by how much was changed.

    `least` is what a pair weighs of which hardly anything was changed; with 1 all weigh the same.
    """
    return fitted(
        name="edits",
        paper="Bradley-Terry, as Ouyang et al. 2022, arXiv 2203.02155, weighed by the share of tokens changed",
        summary="a reward model from corrected answers, by how much was changed",
        objective=bind(bradley_terry),
        derive=(bind(changed_share, least=least),),
        **common,
    )
