"""Supervised fine-tuning."""

from __future__ import annotations

from ..binding import bind
from ..objectives.imitation import nll
from ..recipe import Model, Optimiser, Recipe, Term
from ..select import preferred
from . import SMOLLM2


def sft(*, model: str = SMOLLM2, lr: float = 2e-5, batch: int = 16, epochs: int = 1) -> Recipe:
    """Imitate the best answer of every judged group."""
    return Recipe(
        name="sft",
        family="imitation",
        paper="Ziegler et al. 2019, arXiv 1909.08593, section 2",
        summary="imitates the preferred answers",
        models={"policy": Model(source=model, train=True)},
        select=(bind(preferred),),
        objective=(Term(objective=bind(nll)),),
        optimiser=Optimiser(lr=lr),
        batch=batch,
        epochs=epochs,
    )
