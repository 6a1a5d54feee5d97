"""Listwise preference optimisation."""

from __future__ import annotations

from ..binding import bind
from ..objectives.lists import lipo_lambda as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def lipo_lambda(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Learn from graded lists: every pair in them, weighted by what their order is worth."""
    return Recipe(
        name="lipo-lambda",
        family="direct",
        paper="Liu et al. 2024, arXiv 2402.01878, the lambda loss",
        summary="compares every pair of a graded list, the better answers above all",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        objective=(Term(objective=bind(objective, beta=beta)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
