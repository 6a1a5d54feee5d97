"""A process reward model."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.parts import parts_told
from ..recipe import Recipe
from ._families import Fitted, fitted


def prm(*, neutral: float = 1.0, **common: Unpack[Fitted]) -> Recipe:
    """Fit a model to whether each step of an answer is right; with `neutral` 1 a neutral one is, with 0 it is not.

    It pays steps as `prm-rl` has it, and ranks answers by `scoring.steps.solution_score`.
    """
    return fitted(
        name="prm",
        paper="Lightman et al. 2023, arXiv 2305.20050, with a yes-or-no head at the end of each step",
        summary="a process reward model, from steps that were judged right, neutral or wrong",
        objective=bind(parts_told, neutral=neutral),
        reads="token_score",
        **common,
    )
