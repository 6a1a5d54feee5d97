"""RLHF with the reward of a DPO model, as distillation of every token."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.distributions import kl_to_mixed
from ..objectives.token_level import distilled
from ..recipe import Model, Recipe, Term
from ..select import preferred
from ._families import REFERENCE, Direct, direct


def dpo_distil(*, dpo: str = "dpo", beta: float = 0.05, dpo_beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn along preferred answers what a DPO model learnt with `dpo_beta`, as if with `beta`.

    dpo: where that model is.
    """
    return direct(
        name="dpo-distil",
        paper="Zhang et al. 2025, arXiv 2503.02832, theorem 1",
        summary="draws every next-token distribution to a DPO model's, nearer to the reference or beyond it",
        models={**REFERENCE, "dpo": Model(source=dpo)},
        select=(bind(preferred),),
        compare=(bind(kl_to_mixed, beta=beta, dpo_beta=dpo_beta),),
        objective=(Term(objective=bind(distilled), per="response"),),
        **common,
    )
