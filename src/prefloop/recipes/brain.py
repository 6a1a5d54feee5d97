"""Bayesian reward-conditioned amortised inference."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.lists import brain as objective
from ..recipe import Recipe, Term
from ._families import REFERENCE, Online, online


def brain(*, beta: float = 0.05, **common: Unpack[Online]) -> Recipe:
    """Match the optimum pi_ref exp(r / beta) / Z on the policy's own answers, with weights that sum to one."""
    return online(
        name="brain",
        paper="Pandey et al. 2024, arXiv 2402.02479",
        summary="matches the optimum on its own answers by self-normalised importance weights",
        models=REFERENCE,
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
