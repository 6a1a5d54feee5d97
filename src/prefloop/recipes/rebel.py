"""Regression to relative rewards."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.margins import rebel as objective
from ..recipe import Recipe, Term
from ._families import Online, online


def rebel(*, eta: float = 1.0, passes: int = 4, **common: Unpack[Online]) -> Recipe:
    """Policy optimisation as least squares: two own answers to a prompt, and how much better one is paid."""
    common["k"] = 2
    return online(
        name="rebel",
        paper="Gao et al. 2024, arXiv 2404.16767, algorithm 1",
        summary="fits what its own answers gain in likelihood to what they are paid",
        objective=(Term(objective=bind(objective, eta=eta)),),
        passes=passes,
        **common,
    )
