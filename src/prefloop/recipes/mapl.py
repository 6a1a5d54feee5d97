"""A reward model from answers, prompts and gaps."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.levels import mapl as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def mapl(*, inter: float = 1.0, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model that also learns what the prompt asks, from one answer under two prompts."""
    return fitted(
        name="mapl",
        paper="Sun et al. 2025, arXiv 2505.12845",
        summary="a reward model from pairs of answers, of prompts, and of gaps under two prompts",
        objective=bind(objective, inter=inter),
        **common,
    )
