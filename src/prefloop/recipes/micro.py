"""Several reward models at once, of which some weigh more after one prompt and some after another."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.mixtures import prompt_mixture
from ..recipe import Recipe
from ._families import Fitted, fitted, groups_of


def micro(*, groups: int = 3, **common: Unpack[Fitted]) -> Recipe:
    """Fit a mixture of so many rewards, with weights that change with the prompt, to pairs of nobody known."""
    names = groups_of(groups)
    return fitted(
        name="micro",
        paper="Shen et al. 2025, arXiv 2505.24846, its first stage, the weights read after the answers",
        summary="several rewards at once, weighed by the prompt, to be routed by a few answers in a context",
        objective=bind(prompt_mixture),
        channels=(*names, *(f"weight of {name}" for name in names)),
        **common,
    )
