"""What the methods that learn in rounds, or by a judge, from their own answers are known to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..batch import assemble
from ..binding import bind
from ..learning.update import selected
from ..recipe import Recipe
from ..recipes import method
from ..scoring.scorer import scored
from .distance import Known, Verdict, verdicts
from .known_rewards import from_own_pairs as from_every_pair
from .learn import from_population
from .problem import BETA, PROMPT, REWARD, best_alone, distribution, reference, rises, total_variation
from .tabular import WHOLE, group


def higher(prompt: str, answers: Sequence[str]) -> int | None:
    """A judge of two answers: the one that `rises` more, and neither where they rise alike.

    >>> higher("0", ("010", "012")), higher("0", ("012", "123"))
    (1, None)
    """
    first, second = (rises(prompt, answer) for answer in answers)
    return None if first == second else int(second > first)


def beats() -> Tensor:
    """How often each answer beats each other (64 64): always where it is paid more, half the time where as much."""
    return (REWARD.unsqueeze(-1) > REWARD).double() + 0.5 * (REWARD.unsqueeze(-1) == REWARD)


def contested(tau: float) -> Tensor:
    """The policy that wins against itself at the price tau, by a judge who is always sure:

        pi(y) = pi_ref(y) exp(P(y beats pi) / tau) / Z

    The square of IPO averages over own pairs to that of log(pi / pi_ref) from its mean plus (P - 1/2) / tau. It is the
    Nash equilibrium of the regularised game: Calandriello et al. 2024 (arXiv 2403.08635).
    """
    start, wins = distribution(reference()), beats()
    policy = start
    for _ in range(400):  # halfway each time, or it might swing round the fixed point for ever
        policy = ((policy.log() + start.log() + wins @ policy / tau) / 2).softmax(-1)
    return policy


def online_ipo(tau: float = BETA) -> Known:
    """From every two answers, as probable as the policy makes them by then, and what a judge says of them."""
    return Known(
        recipe=method("online-ipo")(reward=bind(higher), tau=tau),
        what="pi_ref exp(P(y beats pi)/tau)/Z by a judge who is always sure, from every two of its own answers",
        distance=lambda recipe: from_every_pair(recipe, contested(tau)),
    )


def short_of(policy: Tensor, margin: float) -> float:
    """By how many nats at most a better answer is less than this margin ahead of a worse one; 0 where none is."""
    gained = (policy / distribution(reference())).log()
    ahead = (gained.unsqueeze(-1) - gained)[REWARD.unsqueeze(-1) > REWARD]
    return float((margin - ahead).clamp(min=0).max())


def online_slic(beta: float = 2.0) -> Known:
    """The hinge of a pair is at rest as soon as the pair is so far apart, and not before."""
    places = torch.arange(len(WHOLE))

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, torch.cartesian_prod(places, places))
        return short_of(distribution(found["policy"]), 1 / beta)

    return Known(
        recipe=method("online-slic")(reward=bind(higher), beta=beta),
        what="1/beta nats between any two of its own answers that a judge tells apart (the furthest short, in nats)",
        distance=distance,
    )


def iterative_dpo(rounds: int = 75) -> Known:
    """A better answer is always preferred, so that only the best-paid are left; those share as in the reference."""
    places = torch.arange(len(WHOLE))

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, torch.cartesian_prod(places, places), steps=rounds)
        return total_variation(distribution(found["policy"]), best_alone())

    return Known(
        recipe=method("iterative-dpo")(reward=bind(rises), k=2, beta=BETA, passes=2, minibatches=1),
        what="pi_ref on the best-paid answers alone, from rounds of all pairs, as probable as when the round began",
        distance=distance,
    )


def passed(least: float) -> Tensor:
    """The reference on the answers that are paid enough alone: pi_ref(y) [r(y) >= least] / Z."""
    kept = torch.where(least <= REWARD, distribution(reference()), 0.0)
    return kept / kept.sum()


def in_rounds(recipe: Recipe, rounds: int = 3) -> Tensor:
    """The distribution after rounds of learning from every answer, as probable as the policy makes it by then."""
    every = group(PROMPT, WHOLE)
    kept = selected(recipe, scored(assemble([every]), recipe.score, [every], {}))["mask"][0].any(-1)
    answers = kept.nonzero()
    return distribution(from_population(replace(recipe, select=()), answers, steps=rounds)["policy"])


def expert_iteration(least: float = 1.5) -> Known:
    """What is imitated in the first round is what the later ones keep."""
    return Known(
        recipe=method("expert-iteration")(reward=bind(rises), k=2, least=least, passes=150, minibatches=1),
        what="pi_ref(y) [r(y) >= 3/2]/Z after three rounds of imitating all answers that are paid so much",
        distance=lambda recipe: total_variation(in_rounds(recipe), passed(least)),
    )


KNOWN_ROUNDS: dict[str, Callable[[], Verdict]] = verdicts(
    {
        "expert-iteration": expert_iteration,
        "iterative-dpo": iterative_dpo,
        "online-ipo": online_ipo,
        "online-slic": online_slic,
    }
)
"""How each of them is verified."""
