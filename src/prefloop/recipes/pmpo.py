"""Preference optimisation as probabilistic inference."""

from __future__ import annotations

from ..binding import bind
from ..objectives.singles import pmpo as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def pmpo(
    *,
    model: str = SMOLLM2,
    accepted: float = 0.5,
    rejected: float = 0.5,
    beta: float = 0.5,
    lr: float = 5e-6,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Learn from thumbs of either kind. `accepted`, `rejected` and `beta` weigh the three terms; 0 switches one off."""
    return Recipe(
        name="pmpo",
        family="direct",
        paper="Abdolmaleki et al. 2024, arXiv 2410.04166",
        summary="learns from accepted answers, rejected answers or both, held to the reference",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        objective=(Term(objective=bind(objective, accepted=accepted, rejected=rejected, beta=beta)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
