"""Direct preference optimisation on rankings."""

from __future__ import annotations

from ..binding import bind
from ..objectives.lists import plackett_luce as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def plackett_luce(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    lr: float = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Learn from answers ranked from best to worst, as DPO learns from pairs."""
    return Recipe(
        name="plackett-luce",
        family="direct",
        paper="Rafailov et al. 2023, arXiv 2305.18290, appendix A.3",
        summary="learns from rankings of answers without a reward model",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        objective=(Term(objective=bind(objective, beta=beta)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
