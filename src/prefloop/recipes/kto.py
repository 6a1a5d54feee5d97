"""Kahneman-Tversky optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import mismatched_kl
from ..objectives.singles import kto as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def kto(*, beta: float = 0.1, desirable: float = 1.0, undesirable: float = 1.0, **common: Unpack[Direct]) -> Recipe:
    """Learn from thumbs: answers that people liked or disliked, each by itself. A chosen answer counts as liked."""
    common.setdefault("lr", 5e-6)
    return direct(
        name="kto",
        paper="Ethayarajh et al. 2024, arXiv 2402.01306, equations 7 and 8",
        summary="learns from single answers that people liked or disliked, without a reward model",
        derive=(bind(mismatched_kl),),
        objective=(Term(objective=bind(objective, beta=beta, desirable=desirable, undesirable=undesirable)),),
        **common,
    )
