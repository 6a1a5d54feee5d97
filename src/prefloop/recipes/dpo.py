"""Direct preference optimisation."""

from __future__ import annotations

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2


def dpo(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    smoothing: float = 0.0,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Learn from pairs directly, without a reward model."""
    return Recipe(
        name="dpo",
        family="direct",
        paper="Rafailov et al. 2023, arXiv 2305.18290, equation 7",
        summary="learns from pairs of answers without a reward model",
        models={"policy": Model(source=model, train=True), "ref": Model(source="policy")},
        objective=(Term(objective=bind(objective, beta=beta, smoothing=smoothing)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
