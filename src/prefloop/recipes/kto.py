"""Kahneman-Tversky optimisation."""

from __future__ import annotations

from ..binding import bind
from ..credit import mismatched_kl
from ..objectives.singles import kto as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def kto(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    desirable: float = 1.0,
    undesirable: float = 1.0,
    lr: float = 5e-6,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Learn from thumbs: answers that people liked or disliked, each by itself. A chosen answer counts as liked."""
    return Recipe(
        name="kto",
        family="direct",
        paper="Ethayarajh et al. 2024, arXiv 2402.01306, equations 7 and 8",
        summary="learns from single answers that people liked or disliked, without a reward model",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        derive=(bind(mismatched_kl),),
        objective=(Term(objective=bind(objective, beta=beta, desirable=desirable, undesirable=undesirable)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
