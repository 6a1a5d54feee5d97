"""What a reward that is spread over the tokens is known to reach on the tabular problem: what the reward does."""

from __future__ import annotations

import torch

from .. import recipes
from ..recipe import Recipe
from .distance import Known, verdicts
from .learn import from_samples
from .problem import BETA, REWARD, distribution, regularised_optimum, total_variation
from .tabular import PREFIXES, PartModel


def judge() -> PartModel:
    """A reward model that scores whole answers by the reward, and what is left of them by chance."""
    source = torch.Generator().manual_seed(11)
    parts = torch.randn(PREFIXES, generator=source, dtype=torch.float64)
    return PartModel(torch.cat([parts, REWARD])[None])


def dense_reward() -> Recipe:
    """The recipe on the problem."""
    return recipes.method("dense-reward")(beta=BETA, k=8, batch=16, steps=200, samples=2)


def from_attributions(recipe: Recipe) -> float:
    """Distance to pi_ref exp(r/beta)/Z of the policy that learnt from its own samples, paid by `judge`."""
    return total_variation(distribution(from_samples(recipe, reward=judge())), regularised_optimum())


KNOWN_DENSE = verdicts(
    {
        "dense-reward": lambda: Known(
            recipe=dense_reward(),
            what="pi_ref exp(r/beta)/Z, from its own samples, whose tokens are paid by attributions that mean nothing",
            distance=from_attributions,
        )
    }
)
"""How it is verified."""
