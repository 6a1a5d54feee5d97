"""A reward model of several attributes that people rated, each by itself."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.attributes import attributes
from ..recipe import Recipe
from ._families import Fitted, fitted

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
"""What HelpSteer2 had people rate, from 0 to 4."""
WEIGHTS = (0.3, 0.74, 0.46, 0.47, -0.33)
"""How much each of them counts where one number is wanted, as published with Nemotron-4-340B-Reward, which was fitted
to HelpSteer2: verbosity by itself is no merit.
"""


def helpsteer2(
    *, channels: tuple[str, ...] = ATTRIBUTES, weights: tuple[float, ...] | None = None, **common: Unpack[Fitted]
) -> Recipe:
    """Regress what people rated of each attribute, leaving out what nobody did; a policy is paid their weighted sum.

    `channels` are the columns of the ratings, and `weights` what each counts when the model is measured: the published
    ones, or all the same for other channels. A policy is paid by `weighted_channels`. It is the first stage of ArmoRM
    too.
    """
    if weights is None:
        weights = WEIGHTS if channels == ATTRIBUTES else ()
    return fitted(
        name="helpsteer2",
        paper="Wang et al. 2024, arXiv 2406.08673, the regression of its reward models",
        summary="a reward model of several attributes, from ratings of each",
        objective=bind(attributes),
        channels=channels,
        weights=weights,
        **common,
    )
