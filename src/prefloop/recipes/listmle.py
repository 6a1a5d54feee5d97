"""ListMLE on implicit rewards."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.lists import listmle as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def listmle(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Learn the order of answers from their grades, of which several may be equal."""
    return direct(
        name="listmle",
        paper="Xia et al. 2008, on the scores of Liu et al. 2024, arXiv 2402.01878",
        summary="learns the order that grades give a list of answers",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
