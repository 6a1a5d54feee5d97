"""Statistical rejection sampling optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import dpo
from ..recipe import Recipe, Term
from ..select import accepted, best_and_worst
from ._families import REFERENCE, Online, online


def rso(*, beta: float = 0.1, temperature: float = 0.5, **common: Unpack[Online]) -> Recipe:
    """DPO on pairs of own answers that passed a rejection by chance, the better-paid one preferred.

    In the first step the answers are the reference's, and what passes is drawn from the best policy of the KL price
    `temperature`. The paper draws them all from the reference at once; here they are drawn anew as the policy moves.
    """
    common.setdefault("k", 8)
    return online(
        name="rso",
        paper="Liu et al. 2023, arXiv 2309.06657, algorithm 1, with the loss of DPO and one pair of a prompt",
        summary="learns from pairs of its own answers, drawn as from the best policy by rejection",
        models=REFERENCE,
        select=(bind(accepted, temperature=temperature), bind(best_and_worst)),
        objective=(Term(objective=bind(dpo, beta=beta)),),
        **common,
    )
