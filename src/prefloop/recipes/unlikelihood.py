"""Unlikelihood training."""

from __future__ import annotations

from ..binding import bind
from ..objectives.singles import unlikelihood as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2


def unlikelihood(
    *,
    model: str = SMOLLM2,
    alpha: float = 1.0,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Imitate answers that people liked and make the tokens of the others unlikely; `alpha` weighs the latter."""
    return Recipe(
        name="unlikelihood",
        family="direct",
        paper="Welleck et al. 2019, arXiv 1908.04319",
        summary="imitates liked answers and makes the tokens of disliked ones unlikely",
        models={"policy": Model(source=model, train=True)},
        objective=(Term(objective=bind(objective, alpha=alpha)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
