"""ListMLE on implicit rewards."""

from __future__ import annotations

from ..binding import bind
from ..objectives.lists import listmle as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def listmle(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Learn the order of answers from their grades, of which several may be equal."""
    return Recipe(
        name="listmle",
        family="direct",
        paper="Xia et al. 2008, on the scores of Liu et al. 2024, arXiv 2402.01878",
        summary="learns the order that grades give a list of answers",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        objective=(Term(objective=bind(objective, beta=beta)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
