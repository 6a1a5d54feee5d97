"""Exploratory preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.calibration import calibrated_ratio
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ..select import best_and_worst
from ._families import REFERENCE, Online, online


def xpo(*, beta: float = 0.1, alpha: float = 1e-5, **common: Unpack[Online]) -> Recipe:
    """DPO on one answer of the policy and one of the reference, with a bonus for leaving the reference's answers."""
    common.setdefault("k", 1)
    return online(
        name="xpo",
        paper="Xie et al. 2024, arXiv 2405.21046, algorithm 1, a gradient step at a time on the newest pairs",
        summary="compares its own answers with the reference's and explores what the reference does not say",
        models=REFERENCE,
        draws=1,
        select=(bind(best_and_worst),),
        objective=(Term(objective=bind(objective, beta=beta)), Term(objective=bind(calibrated_ratio), weight=alpha)),
        **common,
    )
