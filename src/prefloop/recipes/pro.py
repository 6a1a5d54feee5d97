"""Preference ranking optimisation."""

from __future__ import annotations

from ..binding import bind
from ..objectives.lists import pro as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2


def pro(
    *,
    model: str = SMOLLM2,
    imitation: float = 0.05,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Hold each answer of a graded list against all that are worse, without a reference model, and imitate the best."""
    return Recipe(
        name="pro",
        family="direct",
        paper="Song et al. 2023, arXiv 2306.17492, with temperatures",
        summary="holds each answer against all worse ones by likelihood per token",
        models={"policy": Model(source=model, train=True)},
        objective=(Term(objective=bind(objective, imitation=imitation)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
