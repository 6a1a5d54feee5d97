"""Online direct preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ..select import best_and_worst
from ._families import REFERENCE, Online, online


def online_dpo(*, beta: float = 0.1, smoothing: float = 0.0, **common: Unpack[Online]) -> Recipe:
    """DPO on the policy's own answers: two to each prompt, the better-paid one preferred; of more, best and worst."""
    common.setdefault("k", 2)
    return online(
        name="online-dpo",
        paper="Guo et al. 2024, arXiv 2402.04792, algorithm 1",
        summary="learns from pairs of its own answers, ordered by what they are paid",
        models=REFERENCE,
        select=(bind(best_and_worst),),
        objective=(Term(objective=bind(objective, beta=beta, smoothing=smoothing)),),
        **common,
    )
