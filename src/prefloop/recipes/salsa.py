"""PPO held to a soup."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..dials import Dial
from ..recipe import Model, Recipe
from ._families import Online
from .ppo import ppo


def salsa(
    *,
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO whose reference is the average of two fine-tuned models; that model, `ref`, comes from outside.

    `prefloop.models.soup.soup` makes it from the folders of models. Start the policy from one of them.
    """
    plain = ppo(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common)
    return replace(
        plain,
        name="salsa",
        paper="Chegini et al. 2024, arXiv 2411.01798",
        summary="PPO held to the average of two fine-tuned models",
        models={**plain.models, "ref": Model(source="ref")},
    )
