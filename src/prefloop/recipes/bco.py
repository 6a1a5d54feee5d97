"""Binary classifier optimisation."""

from __future__ import annotations

from ..binding import bind
from ..credit import midpoint
from ..objectives.singles import bco as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2
from ._families import REFERENCE


def bco(
    *,
    model: str = SMOLLM2,
    beta: float = 0.1,
    lr: float = 5e-6,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """Learn from thumbs: a classifier of liked and disliked answers, whose logit is the implicit reward."""
    return Recipe(
        name="bco",
        family="direct",
        paper="Jung et al. 2024, arXiv 2404.04656, with reward shift",
        summary="tells answers that people liked from those they did not, by the implicit reward",
        models={"policy": Model(source=model, train=True), **REFERENCE},
        derive=(bind(midpoint),),
        objective=(Term(objective=bind(objective, beta=beta)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
