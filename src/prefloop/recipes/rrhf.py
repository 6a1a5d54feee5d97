"""Rank responses to align with human feedback."""

from __future__ import annotations

from ..binding import bind
from ..objectives.lists import rrhf as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2


def rrhf(
    *,
    model: str = SMOLLM2,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Put the likelihoods of a graded list in order, without a reference model, and imitate the best."""
    return Recipe(
        name="rrhf",
        family="direct",
        paper="Yuan et al. 2023, arXiv 2304.05302",
        summary="puts the likelihoods of answers in the order of their grades and imitates the best",
        models={"policy": Model(source=model, train=True)},
        objective=(Term(objective=bind(objective)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
