"""AlignDistil: distil, at every token, from beyond what DPO has learnt."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.distributions import kl_to_extrapolated
from ..objectives.token_level import distilled
from ..recipe import Model, Recipe, Term
from ..select import preferred
from ._families import Direct, direct


def aligndistil(
    *,
    dpo: str = "dpo",
    reverse: str = "reverse",
    beta: float = 0.1,
    scale: float = 10.0,
    **common: Unpack[Direct],
) -> Recipe:
    """Learn along preferred answers from two finished models: one trained by DPO, one by DPO with labels turned round.

    dpo, reverse: where they are. The second is what `dpo` gives with `smoothing` 1.
    """
    return direct(
        name="aligndistil",
        paper="Zhang et al. 2025, arXiv 2503.02832, off-policy",
        summary="draws every next-token distribution beyond that of a DPO model, away from a reverse one",
        models={"dpo": Model(source=dpo), "reverse": Model(source=reverse)},
        select=(bind(preferred),),
        compare=(bind(kl_to_extrapolated, beta=beta, scale=scale),),
        objective=(Term(objective=bind(distilled), per="response"),),
        **common,
    )
