"""Rank responses to align with human feedback."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.lists import rrhf as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def rrhf(**common: Unpack[Direct]) -> Recipe:
    """Put the likelihoods of a graded list in order, without a reference model, and imitate the best."""
    return direct(
        name="rrhf",
        paper="Yuan et al. 2023, arXiv 2304.05302",
        summary="puts the likelihoods of answers in the order of their grades and imitates the best",
        models={},
        objective=(Term(objective=bind(objective)),),
        **common,
    )
