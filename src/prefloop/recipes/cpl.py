"""Contrastive preference learning."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.reference_free import cpl as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def cpl(*, alpha: float = 0.1, gamma: float = 1.0, bias: float = 1.0, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs judged by regret, step by step, without a reference model."""
    return direct(
        name="cpl",
        paper="Hejna et al. 2023, arXiv 2310.13639",
        summary="learns from pairs by discounted log-probabilities, without a reference",
        models={},
        objective=(Term(objective=bind(objective, alpha=alpha, gamma=gamma, bias=bias)),),
        **common,
    )
