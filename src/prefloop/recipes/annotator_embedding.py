"""A reward model from pairs, with what everybody adds to a reward that all share."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.personal import personal_preference
from ..recipe import Model, Recipe
from ..scoring.directions import everybodys_and
from ._families import Fitted, fitted


def annotator_embedding(*, dimensions: int = 2, **common: Unpack[Fitted]) -> Recipe:
    """Fit a shared reward, and ways in which people differ with how much each cares, to pairs of several people."""
    shared, *ways = everybodys_and(dimensions)
    return fitted(
        name="annotator-embedding",
        paper="annotator embeddings, in the form of a bilinear model",
        summary="a shared reward, and for everybody a few numbers that say how they differ from it",
        objective=bind(personal_preference),
        channels=(shared, *ways),
        beside={"people": Model(head="traits", channels=tuple(ways), train=True)},
        **common,
    )
