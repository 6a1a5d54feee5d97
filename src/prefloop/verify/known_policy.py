"""What the further policy gradients are known to reach on the tabular problem, each from its own samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .. import recipes
from ..binding import bind
from ..recipe import Recipe
from .distance import Verdict, from_own_samples, paid
from .known_answers import right, wrong_share
from .problem import BETA, REWARD, rises

STEADY = {"remax": 96, "reinforce-plus-plus": 64}
"""Groups a step for those whose credit does not vanish at the optimum, so that its noise is averaged."""


def with_kl(name: str) -> Recipe:
    """A method that pays the KL in its reward, on the problem."""
    if name == "pairwise-ppo":
        return recipes.method(name)(reward=bind(rises), beta=BETA, batch=64, steps=250)
    recipe = paid(name)
    return replace(recipe, batch=STEADY.get(name, recipe.batch))


def _regularised(name: str) -> Verdict:
    return Verdict(
        method=name,
        what="pi_ref exp(r/beta)/Z, from its own samples",
        distance=from_own_samples(with_kl(name)),
    )


def _dapo() -> Verdict:
    recipe = recipes.method("dapo")(reward=bind(rises), k=8, batch=16, steps=250)
    return Verdict(
        method="dapo",
        what="the best-paid answers alone, from its own samples, since nothing holds it to pi_ref",
        distance=wrong_share(recipe, REWARD.max() == REWARD),
    )


def _maxrl() -> Verdict:
    recipe = recipes.method("maxrl")(reward=bind(right), k=8, batch=16, steps=250)
    return Verdict(
        method="maxrl", what="right answers alone, from its own samples", distance=wrong_share(recipe, REWARD >= 1.5)
    )


KNOWN_POLICY: dict[str, Callable[[], Verdict]] = {
    "a2c": lambda: _regularised("a2c"),
    "cispo": lambda: _regularised("cispo"),
    "dapo": _dapo,
    "dr-grpo": lambda: _regularised("dr-grpo"),
    "gspo": lambda: _regularised("gspo"),
    "maxrl": _maxrl,
    "pairwise-ppo": lambda: _regularised("pairwise-ppo"),
    "pf-ppo": lambda: _regularised("pf-ppo"),
    "reinforce-ema": lambda: _regularised("reinforce-ema"),
    "reinforce-plus-plus": lambda: _regularised("reinforce-plus-plus"),
    "reinforce-plus-plus-baseline": lambda: _regularised("reinforce-plus-plus-baseline"),
    "remax": lambda: _regularised("remax"),
}
"""How each of them is verified."""
