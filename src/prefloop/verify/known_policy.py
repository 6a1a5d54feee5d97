"""What the further policy gradients are known to reach on the tabular problem, each from its own samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .. import recipes
from ..binding import bind
from ..credit import group_mean
from ..recipe import Recipe
from ..shaping import kl_in_reward, total_reward
from ..shaping.siblings import diverse_win
from .distance import PAIRS, Verdict, from_own_samples, paid
from .known_answers import right, wrong_share
from .learn import from_samples
from .problem import BETA, REWARD, distribution, reference, rises, total_variation
from .tabular import ANSWERS

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


def standardised_optimum(*, beta: float, cut: float) -> Tensor:
    """The policy that is best paid for what its own mean and deviation make of the reward: the fixed point of

    pi(y) = pi_ref(y) exp(clip((r(y) - E_pi r) / sd_pi r, -cut, cut) / beta) / Z
    """
    start = distribution(reference())
    policy = start
    for _ in range(200):  # halfway each time, as in `contested`
        centred = REWARD - policy @ REWARD
        worth = (centred / (policy @ centred.square()).sqrt()).clamp(-cut, cut)
        policy = ((policy.log() + start.log() + worth / beta) / 2).softmax(-1)
    return policy


def _ppo_max(beta: float = 1.0, cut: float = 1.0) -> Verdict:
    recipe = recipes.method("ppo-max")(reward=bind(rises), beta=beta, cut=cut, k=8, batch=64, steps=250)
    return Verdict(
        method="ppo-max",
        what="what its own mean and deviation pay best, cut at one deviation, with the KL in the reward",
        distance=total_variation(distribution(from_samples(recipe)), standardised_optimum(beta=beta, cut=cut)),
    )


def contested(*, k: int, weight: float) -> Tensor:
    """The policy that wins and varies against itself at the price BETA: where every answer's worth is its price,

        log pi(y) / pi_ref(y) = (P(y beats pi) + weight (k - 2) / (k - 1) D(y, pi)) / beta + c

    with P by Bradley-Terry and D the mean distance to an answer of pi. A group of k that is compared with its own mean
    takes (k - 1) / k of the wins and of the price, and (k - 2) / k of the diversity, half of which is another answer's.
    """
    wins = (REWARD.unsqueeze(-1) - REWARD).sigmoid()
    ids, mask = ANSWERS[PAIRS], torch.ones_like(ANSWERS[PAIRS])
    apart = torch.zeros_like(wins)
    apart[tuple(PAIRS.T)] = diverse_win(torch.zeros(len(PAIRS), 2, dtype=wins.dtype), ids, mask, weight=1.0)[:, 0]
    worth = wins + weight * (k - 2) / (k - 1) * (apart + apart.T)
    start = distribution(reference())
    policy = start
    for _ in range(200):  # halfway each time, or it might swing round the fixed point for ever
        policy = ((policy.log() + start.log() + worth @ policy / BETA) / 2).softmax(-1)
    return policy


def _ppr_gde(k: int = 8, weight: float = 1.0) -> Verdict:
    return Verdict(
        method="ppr-gde",
        what="what wins and varies enough against itself for its KL, the deviation off and the KL in the reward",
        distance=total_variation(distribution(from_samples(won(k=k, weight=weight))), contested(k=k, weight=weight)),
    )


def won(*, k: int, weight: float) -> Recipe:
    """PPR-GDE with rewards compared by the group's mean alone, and the KL in the reward."""
    recipe = recipes.method("ppr-gde")(reward=bind(rises), weight=weight, k=k, batch=64, steps=250)
    derive = (*recipe.derive[:-1], bind(kl_in_reward, beta=BETA), bind(total_reward), bind(group_mean))
    return replace(recipe, derive=derive, objective=recipe.objective[:1])


KNOWN_POLICY: dict[str, Callable[[], Verdict]] = {
    "a2c": lambda: _regularised("a2c"),
    "cispo": lambda: _regularised("cispo"),
    "dapo": _dapo,
    "dr-grpo": lambda: _regularised("dr-grpo"),
    "gigpo": lambda: _regularised("gigpo"),
    "gspo": lambda: _regularised("gspo"),
    "maxrl": _maxrl,
    "pairwise-ppo": lambda: _regularised("pairwise-ppo"),
    "pf-ppo": lambda: _regularised("pf-ppo"),
    "ppo-max": _ppo_max,
    "ppr-gde": _ppr_gde,
    "reinforce-ema": lambda: _regularised("reinforce-ema"),
    "reinforce-plus-plus": lambda: _regularised("reinforce-plus-plus"),
    "reinforce-plus-plus-baseline": lambda: _regularised("reinforce-plus-plus-baseline"),
    "remax": lambda: _regularised("remax"),
}
"""How each of them is verified."""
