"""Policy gradient held to the moving average of its own weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..dials import Dial
from ..recipe import Follows, Model, Recipe
from ._families import Online
from .rloo import rloo


def warp_ema(*, beta: float | Dial = 0.1, decay: float = 0.99, every: int = 1, **common: Unpack[Online]) -> Recipe:
    """The first of WARP's three stages: RLOO whose reference follows the policy, so that the KL brakes and never stops.

    Merging several such policies, and going back towards the first, are weights averaged afterwards
    (`prefloop.models.soup`). The paper's baseline is not RLOO's; the numbers are this library's.
    """
    plain = rloo(beta=beta, **common)
    return replace(
        plain,
        name="warp-ema",
        paper="the first stage of WARP, Rame et al. 2024, arXiv 2406.16768, on RLOO, arXiv 2402.14740",
        summary="RLOO held to the moving average of its own weights",
        models={**plain.models, "ref": Model(source="policy", follows=Follows(decay=decay, every=every))},
    )
