"""Self-play fine-tuning."""

from __future__ import annotations

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def spin(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Tell people's answers from the model's own, which stand second in every pair. Repeat from the model it gives."""
    return Recipe(
        name="spin",
        family="direct",
        paper="Chen et al. 2024, arXiv 2401.01335, algorithm 1; the loss is that of DPO, beta is their lambda",
        summary="tells answers of people from answers of its own, until it cannot",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        objective=(Term(objective=bind(objective, beta=beta)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
