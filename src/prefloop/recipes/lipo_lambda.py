"""Listwise preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.lists import lipo_lambda as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def lipo_lambda(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from graded lists: every pair in them, weighted by what their order is worth."""
    return direct(
        name="lipo-lambda",
        paper="Liu et al. 2024, arXiv 2402.01878, the lambda loss",
        summary="compares every pair of a graded list, the better answers above all",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
