"""Self-play preference optimisation on pairs."""

from __future__ import annotations

from ..binding import bind
from ..objectives.singles import sppo_hard as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def sppo_hard(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    lr: float = 5e-6,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Move each answer of a pair to a log-ratio of its own: the preferred one wins, the other loses."""
    return Recipe(
        name="sppo-hard",
        family="direct",
        paper="Wu et al. 2024, arXiv 2405.00675, equation 4.7 with win rates of 1 and 0",
        summary="moves the two answers of a pair by half of 1 / beta each, up and down",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        objective=(Term(objective=bind(objective, beta=beta)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
