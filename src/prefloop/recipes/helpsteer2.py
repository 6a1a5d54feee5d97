"""A reward model of several attributes that people rated, each by itself."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.attributes import attributes
from ..recipe import Recipe
from ._families import Fitted, fitted

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
"""What HelpSteer2 had people rate, from 0 to 4."""


def helpsteer2(*, channels: tuple[str, ...] = ATTRIBUTES, **common: Unpack[Fitted]) -> Recipe:
    """Regress what people rated of each attribute, leaving out what nobody did; a policy is paid their weighted sum.

    `channels` are the columns of the ratings. The sum is taken where the model is used, by `weighted_channels`. It is
    the first stage of ArmoRM too.
    """
    return fitted(
        name="helpsteer2",
        paper="Wang et al. 2024, arXiv 2406.08673, the regression of its reward models",
        summary="a reward model of several attributes, from ratings of each",
        objective=bind(attributes),
        channels=channels,
        **common,
    )
