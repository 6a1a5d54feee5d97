"""A reward model from pairs, and how far everybody who judged can be trusted."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.flips import annotator_flips as objective
from ..recipe import Model, Recipe
from ._families import Fitted, fitted


def annotator_flips(*, begin: float = 0.1, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model, and for everybody how often they are turned round, to pairs of several people."""
    return fitted(
        name="annotator-flips",
        paper="Chen et al. 2013, Crowd-BT, without its priors",
        summary="a reward model from pairs, with a learnt share of flips for each person",
        objective=bind(objective, begin=begin),
        beside={"people": Model(head="traits", channels=("flips",), train=True)},
        **common,
    )
