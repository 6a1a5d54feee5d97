"""Noise-contrastive alignment."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.anchored import nca as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def nca(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn from pairs how likely each answer should be, and not only which is likelier."""
    return direct(
        name="nca",
        paper="Chen et al. 2024, arXiv 2402.05369, section 4.1",
        summary="learns from pairs how likely each answer should be",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
