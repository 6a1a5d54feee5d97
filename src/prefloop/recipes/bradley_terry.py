"""A reward model from pairs."""

from __future__ import annotations

from ..binding import bind
from ..dials import Dial
from ..objectives.rewards import bradley_terry as objective
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2


def bradley_terry(
    *,
    model: str = SMOLLM2,
    lr: float | Dial = 1e-5,
    head: float = 20.0,
    batch: int = 8,
    epochs: int = 1,
    ending: str | None = None,
) -> Recipe:
    """Fit a reward model to which of two answers people preferred."""
    return Recipe(
        name="bradley-terry",
        family="reward",
        paper="Bradley and Terry 1952; Stiennon et al. 2020, arXiv 2009.01325, equation 1",
        summary="a reward model from pairs of answers",
        models={"reward": Model(source=model, head="score", train=True, ending=ending)},
        objective=(Term(objective=bind(objective)),),
        optimiser=Optimiser(lr=lr, head=head),
        batch=batch,
        epochs=epochs,
    )
