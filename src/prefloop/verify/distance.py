"""How near a recipe comes to a known answer, run by its own pieces with the rate and batch of the small problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .. import recipes
from ..binding import bind
from ..credit import group_mean
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..shaping import kl_in_reward, total_reward
from .learn import from_population, from_samples, judged
from .problem import (
    BETA,
    REWARD,
    best_alone,
    distribution,
    liked,
    most_valued,
    regularised_optimum,
    rises,
    total_variation,
)
from .tabular import ANSWERS

Distance = Callable[[Recipe], float]

BOUND = 0.02
"""The total variation within which a known answer counts as reached."""

PAIRS = torch.combinations(torch.arange(len(ANSWERS)))
"""Every two different answers, as places in `ANSWERS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How near a method came to its known answer: `what` it is, and the `distance`, which must not exceed `bound`."""

    method: str
    what: str
    distance: float
    bound: float = BOUND

    @property
    def passed(self) -> bool:
        """Whether it came near enough; a distance that is not a number is not."""
        return self.distance <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A method on the small problem: its recipe there, what it is to reach, and how far from that it ends."""

    recipe: Recipe
    what: str
    distance: Distance

    def verdict(self) -> Verdict:
        """Run it and measure."""
        return Verdict(method=self.recipe.name, what=self.what, distance=self.distance(self.recipe))


def verdicts(cases: Mapping[str, Callable[[], Known]]) -> dict[str, Callable[[], Verdict]]:
    """How each of these methods is verified."""
    return {name: lambda case=case: case().verdict() for name, case in cases.items()}  # type: ignore[misc]


def paid(method: str) -> Recipe:
    """An online method's recipe on the problem: paid by `rises`, at the price `BETA`, 16 groups of 8 answers a step."""
    return recipes.method(method)(reward=bind(rises), beta=BETA, k=8, batch=16, steps=250)


def grpo_without_deviation() -> Recipe:
    """GRPO with rewards compared by the group's mean alone, and the KL in the reward."""
    derive = (bind(kl_in_reward, beta=BETA), bind(total_reward), bind(group_mean))
    clipped = Term(objective=bind(ppo_clip), per="constant", constant=1.0)
    return replace(paid("grpo"), derive=derive, objective=(clipped,))


def from_own_samples(recipe: Recipe) -> float:
    """Distance to pi_ref exp(r/beta)/Z of the policy that learnt from its own samples.

    Samples are enough to come arbitrarily near: at the optimum r - beta log(pi/pi_ref) is the same for every answer, so
    the advantages, and with them the noise of the gradient, vanish there. PPO's whitening scales them up again: its
    noise ends only with the falling rate.
    """
    return total_variation(distribution(from_samples(recipe)), regularised_optimum())


def from_all_pairs(recipe: Recipe) -> float:
    """Distance to pi_ref exp(r/beta)/Z of the policy that learnt from people's choices in every pair of answers."""
    policy = from_population(recipe, *judged(PAIRS))["policy"]
    return total_variation(distribution(policy), regularised_optimum())


def fitted(recipe: Recipe, sets: Tensor) -> float:
    """Distance between softmax(score) and softmax(r), for a reward model that learnt from choices among these sets.

    People's choices fix a reward up to a constant for each prompt; the softmax leaves the constant out.
    """
    scores = from_population(recipe, *judged(sets))["reward"].table[0].detach()
    return total_variation(scores.softmax(-1), REWARD.softmax(-1))


def imitated(recipe: Recipe, answers: Tensor, probability: Tensor, target: Tensor) -> float:
    """Distance to `target` of the policy that imitated these answers, each as often as it is probable."""
    return total_variation(distribution(from_population(recipe, answers, probability)["policy"]), target)


def from_thumbs(recipe: Recipe, *, undesirable: float) -> float:
    """Distance to the most valued policy of the one that learnt from thumbs on every answer, as many on each."""
    answers = torch.arange(len(ANSWERS)).repeat(2).unsqueeze(-1)
    up = liked()
    labels = torch.cat([torch.ones_like(up), torch.zeros_like(up)]).unsqueeze(-1)
    probability = torch.cat([up, 1 - up]) / len(ANSWERS)
    policy = from_population(recipe, answers, probability, labels=labels)["policy"]
    return total_variation(distribution(policy), most_valued(undesirable=undesirable))


def from_own_pairs(recipe: Recipe) -> float:
    """Distance to the best-paid answers alone of the policy that learnt from pairs of its own samples."""
    return total_variation(distribution(from_samples(recipe)), best_alone())
