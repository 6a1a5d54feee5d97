"""Value-incentivised preference optimisation, offline."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import preferred_calibrate
from ..objectives.calibration import calibrated_ratio
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def vpo(*, beta: float = 0.1, alpha: float = 0.05, **common: Unpack[Direct]) -> Recipe:
    """DPO with pessimism: nothing is taken for good that the preferred answers do not show. Online it is `xpo`."""
    return direct(
        name="vpo",
        paper="Cen et al. 2024, arXiv 2405.19320, the offline form, calibrated on the preferred answers",
        summary="learns from pairs and doubts what they do not show",
        derive=(bind(preferred_calibrate),),
        objective=(
            Term(objective=bind(objective, beta=beta)),
            Term(objective=bind(calibrated_ratio), weight=-alpha * beta),
        ),
        **common,
    )
