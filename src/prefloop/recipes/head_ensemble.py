"""An ensemble of reward models: heads on one trunk."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.members import each_member as objective
from ..recipe import Recipe
from ._families import Fitted, fitted, members_of


def head_ensemble(*, members: int = 4, **common: Unpack[Fitted]) -> Recipe:
    """Fit several heads on one trunk to pairs, each to its own bootstrap of them."""
    return fitted(
        name="head-ensemble",
        paper="Zhang et al. 2024, arXiv 2401.16635, the ensemble of linear heads",
        summary="reward heads on one trunk, each on its own bootstrap of the pairs",
        objective=bind(objective),
        channels=members_of(members),
        start="random",
        **common,
    )
