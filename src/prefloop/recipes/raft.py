"""Reward-ranked fine-tuning."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.imitation import nll
from ..recipe import Recipe, Term
from ..select import best_of
from ._families import Online, online


def raft(**common: Unpack[Online]) -> Recipe:
    """Imitate the best-paid of each prompt's k answers."""
    return online(
        name="raft",
        family="imitation",
        paper="Dong et al. 2023, arXiv 2304.06767, algorithm 1",
        summary="imitates the best of k own answers, again and again",
        select=(bind(best_of),),
        objective=(Term(objective=bind(nll)),),
        **common,
    )
