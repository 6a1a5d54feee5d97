"""A reward model from choices among K answers."""

from __future__ import annotations

from ..binding import bind
from ..dials import Dial
from ..objectives.rewards import kway_choice
from ..recipe import Model, Optimiser, Recipe, Term
from . import SMOLLM2


def choice(
    *,
    model: str = SMOLLM2,
    lr: float | Dial = 1e-5,
    head: float = 20.0,
    batch: int = 8,
    epochs: int = 1,
    ending: str | None = None,
) -> Recipe:
    """Fit a reward model to which of K answers people chose; a pair is the case K = 2."""
    return Recipe(
        name="choice",
        family="reward",
        paper="Ziegler et al. 2019, arXiv 1909.08593, equation 1",
        summary="a reward model from choices among K answers, pairs included",
        models={"reward": Model(source=model, head="score", train=True, ending=ending)},
        objective=(Term(objective=bind(kway_choice)),),
        optimiser=Optimiser(lr=lr, head=head),
        batch=batch,
        epochs=epochs,
    )
