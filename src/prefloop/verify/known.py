"""What every method is known to reach on the tabular problem, and how near it comes.

A method is run by its own recipe: its selection, shaping, credit and objective, with the rate and the batch of the
small problem. A new method is added here as a function that returns a `Verdict`, and a line in `KNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .. import recipes
from ..binding import bind
from ..credit import group_mean
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..sampling.best import BestOf
from ..scoring.scorer import score
from ..shaping import kl_in_reward, total_reward
from ..text import Group
from .learn import from_population, from_samples, judged
from .problem import (
    BETA,
    PROMPT,
    REWARD,
    best_alone,
    best_of_distribution,
    distribution,
    liked,
    most_valued,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from .tabular import ANSWERS, TabularGenerator, answer_rows

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


def _regularised(recipe: Recipe, variant: str = "") -> Verdict:
    return Verdict(
        method=recipe.name,
        what=f"pi_ref exp(r/beta)/Z, from its own samples{variant}",
        distance=from_own_samples(recipe),
    )


def _grpo() -> Verdict:
    published = from_own_samples(paid("grpo"))
    return _regularised(
        grpo_without_deviation(),
        f", the deviation off and the KL in the reward (as published it ends {published:.2f} away)",
    )


def _dpo() -> Verdict:
    what = "pi_ref exp(r/beta)/Z, from Bradley-Terry choices in every pair of answers"
    return Verdict(method="dpo", what=what, distance=from_all_pairs(recipes.method("dpo")(beta=BETA)))


def _online_dpo() -> Verdict:
    recipe = recipes.method("online-dpo")(reward=bind(rises), beta=BETA, batch=64, steps=600)
    return Verdict(
        method="online-dpo",
        what="pi_ref on the best-paid answers alone, since the better-paid of two own answers is always preferred",
        distance=from_own_pairs(recipe),
    )


def _kto(undesirable: float = 2.0) -> Verdict:
    return Verdict(
        method="kto",
        what="the policy people value most around its own reference point, from thumbs on every answer",
        distance=from_thumbs(recipes.method("kto")(beta=BETA, undesirable=undesirable), undesirable=undesirable),
    )


def _bradley_terry() -> Verdict:
    return Verdict(
        method="bradley-terry",
        what="the people's reward up to a constant, from their choices in every pair of answers",
        distance=fitted(recipes.method("bradley-terry")(), PAIRS),
    )


def _choice() -> Verdict:
    source = torch.Generator().manual_seed(0)
    fours = torch.stack([torch.randperm(len(ANSWERS), generator=source)[:4] for _ in range(512)])
    return Verdict(
        method="choice",
        what="the people's reward up to a constant, from their choices in 512 sets of four answers",
        distance=fitted(recipes.method("choice")(), fours),
    )


def _sft() -> Verdict:
    target = regularised_optimum()
    return Verdict(
        method="sft",
        what="the distribution of the answers it imitates, which are drawn from pi_ref exp(r/beta)/Z",
        distance=imitated(recipes.method("sft")(), torch.arange(len(ANSWERS)).unsqueeze(-1), target, target),
    )


def _raft() -> Verdict:
    start = distribution(reference())
    pairs = torch.cartesian_prod(torch.arange(len(ANSWERS)), torch.arange(len(ANSWERS)))
    probability = start[pairs].prod(-1)
    return Verdict(
        method="raft",
        what="the best of two answers of pi_ref by order statistics, from a round of imitating the better of every two",
        distance=imitated(recipes.method("raft")(reward=bind(rises), k=2), pairs, probability, best_of_distribution(2)),
    )


def _best_of_n(draws: int = 40_000) -> Verdict:
    recipe = recipes.method("best-of-n")(reward=bind(rises), n=4)
    assert recipe.sample is not None
    n = recipe.sample.k

    def pay(groups: Sequence[Group]) -> Tensor:
        return score(recipe.score["reward"], groups, {})

    generator = BestOf(generator=TabularGenerator(reference()), n=n, score=pay)
    drawn = generator.sample([PROMPT], k=draws, decoding=recipe.sample.decoding, seed=0)[0].responses
    counts = answer_rows(torch.tensor([r.ids for r in drawn])).bincount(minlength=len(ANSWERS))
    return Verdict(
        method="best-of-n",
        what=f"the best of {n} answers of pi_ref by order statistics, among {draws:,} draws",
        distance=total_variation(counts / draws, best_of_distribution(n)),
    )


KNOWN: dict[str, Callable[[], Verdict]] = {
    "best-of-n": _best_of_n,
    "bradley-terry": _bradley_terry,
    "choice": _choice,
    "dpo": _dpo,
    "grpo": _grpo,
    "kto": _kto,
    "online-dpo": _online_dpo,
    "ppo": lambda: _regularised(paid("ppo")),
    "raft": _raft,
    "reinforce": lambda: _regularised(paid("reinforce")),
    "rloo": lambda: _regularised(paid("rloo")),
    "sft": _sft,
}
"""How each method is verified."""
