"""Sequence likelihood calibration."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.imitation import nll_of_best
from ..objectives.reference_free import slic_hf as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def slic_hf(*, margin: float = 1.0, lam: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """Part pairs by a margin of log-probability, and imitate the preferred answers."""
    return direct(
        name="slic-hf",
        paper="Zhao et al. 2023, arXiv 2305.10425, section 2, the preferred answers kept likely",
        summary="pushes log-probabilities a margin apart, and imitates the preferred answers",
        models={},
        objective=(Term(objective=bind(objective, margin=margin)), Term(objective=bind(nll_of_best), weight=lam)),
        **common,
    )
