"""A reward model of several attributes, of which the prompt says how much each counts."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.attributes import gated_bradley_terry
from ..recipe import Recipe
from ._families import Fitted, fitted
from .helpsteer2 import ATTRIBUTES

FIRST_STAGE = "runs/helpsteer2/reward"
"""The model that `prefloop reward --kind helpsteer2 --out runs/helpsteer2` leaves."""


def armorm(*, channels: tuple[str, ...] = ATTRIBUTES, width: int = 256, **common: Unpack[Fitted]) -> Recipe:
    """Learn from pairs how much each attribute counts after which prompt; the model of the attributes stays as it is.

    The second stage of ArmoRM. `model` is what the first one gave (`prefloop reward --kind helpsteer2 --out
    runs/helpsteer2`, where it is looked for unasked), with the same `channels`, and is best rid of its taste for length
    before (`scoring.gated.decorrelate`). `width` is that of the gate's hidden layer.
    """
    common.setdefault("model", FIRST_STAGE)
    common.setdefault("lr", 1e-3)
    common.setdefault("head", 1.0)
    return fitted(
        name="armorm",
        paper="Wang et al. 2024, arXiv 2406.12845, the second stage, the gate a network of one hidden layer",
        summary="a reward model of several attributes, of which the prompt says how much each counts",
        objective=bind(gated_bradley_terry),
        channels=channels,
        gate=width,
        **common,
    )
