"""A reward model that says how sure it is: heads with a mean and a deviation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.members import gaussian_comparison as objective
from ..recipe import Recipe
from ._families import Fitted, fitted, gaussians_of


def gaussian_reward(*, heads: int = 4, **common: Unpack[Fitted]) -> Recipe:
    """Fit heads that give every answer a Gaussian in place of a number, to pairs."""
    return fitted(
        name="gaussian-reward",
        paper="Yan et al. 2024, arXiv 2409.15360, its heads, in one stage",
        summary="a reward model whose heads give a mean and a deviation, which is integrated out",
        objective=bind(objective),
        channels=gaussians_of(heads),
        start="random",
        **common,
    )
