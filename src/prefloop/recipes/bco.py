"""Binary classifier optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import midpoint
from ..objectives.singles import bco as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def bco(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from thumbs: a classifier of liked and disliked answers, whose logit is the implicit reward."""
    common.setdefault("lr", 5e-6)
    return direct(
        name="bco",
        paper="Jung et al. 2024, arXiv 2404.04656, with reward shift",
        summary="tells answers that people liked from those they did not, by the implicit reward",
        derive=(bind(midpoint),),
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
