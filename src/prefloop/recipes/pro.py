"""Preference ranking optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.lists import pro as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def pro(*, imitation: float = 0.05, **common: Unpack[Direct]) -> Recipe:
    """Hold each answer of a graded list against all that are worse, without a reference model, and imitate the best."""
    return direct(
        name="pro",
        paper="Song et al. 2023, arXiv 2306.17492, with temperatures",
        summary="holds each answer against all worse ones by likelihood per token",
        models={},
        objective=(Term(objective=bind(objective, imitation=imitation)),),
        **common,
    )
