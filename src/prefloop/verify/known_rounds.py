"""What the methods that learn in rounds, or by a judge, from their own answers are known to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..binding import bind
from ..recipe import Recipe
from ..recipes import method
from .distance import Known, Verdict, from_own_pairs, verdicts
from .learn import from_population, from_samples
from .problem import BETA, REWARD, distribution, reference, rises, total_variation
from .tabular import ANSWERS


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
    """From own samples and what a judge says of them."""
    return Known(
        recipe=method("online-ipo")(reward=bind(higher), tau=tau, batch=256, steps=400),
        what="pi_ref exp(P(y beats pi)/tau)/Z by a judge who is always sure, from its own samples",
        distance=lambda recipe: total_variation(distribution(from_samples(recipe)), contested(tau)),
    )


def nearer(policy: Tensor, margin: float) -> float:
    """The share of a policy's own pairs paid differently of which the better is ahead by less than this, in nats."""
    gained = (policy / distribution(reference())).log()
    ahead = gained.unsqueeze(-1) - gained
    pairs = torch.outer(policy, policy)[REWARD.unsqueeze(-1) > REWARD]
    near = (ahead < margin)[REWARD.unsqueeze(-1) > REWARD]
    return float(pairs[near].sum() / pairs.sum())


def online_slic(beta: float = 2.0) -> Known:
    """A step ends a little short of the margin, or beyond it: a hundredth of a nat is let pass."""
    return Known(
        recipe=method("online-slic")(reward=bind(higher), beta=beta, batch=128, steps=400),
        what="1/beta nats between any two own answers that a judge tells apart (the share of pairs nearer is measured)",
        distance=lambda recipe: nearer(distribution(from_samples(recipe)), 1 / beta - 0.01),
    )


def iterative_dpo() -> Known:
    """A better answer is always preferred, so that only the best-paid are left."""
    return Known(
        recipe=method("iterative-dpo")(reward=bind(rises), beta=BETA, batch=256, steps=40, passes=2, minibatches=8),
        what="pi_ref on the best-paid answers alone, from rounds of the best and the worst of 8 own answers",
        distance=from_own_pairs,
    )


def passed(least: float) -> Tensor:
    """The reference on the answers that are paid enough alone: pi_ref(y) [r(y) >= least] / Z."""
    kept = torch.where(REWARD >= least, distribution(reference()), 0.0)
    return kept / kept.sum()


def in_rounds(recipe: Recipe, rounds: int = 3) -> Tensor:
    """The distribution after rounds of learning from every answer, as probable as the policy makes it by then."""
    found = from_population(recipe, torch.arange(len(ANSWERS)).unsqueeze(-1), steps=rounds)
    return distribution(found["policy"])


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
