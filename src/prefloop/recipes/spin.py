"""Self-play fine-tuning."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def spin(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Tell people's answers from the model's own, which stand second in every pair. Repeat from the model it gives."""
    return direct(
        name="spin",
        paper="Chen et al. 2024, arXiv 2401.01335, algorithm 1; the loss is that of DPO, beta is their lambda",
        summary="tells answers of people from answers of its own, until it cannot",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
