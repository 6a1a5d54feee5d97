"""What methods that suppose something of the reference, or draw from it, are known to reach."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..binding import bind
from ..recipe import Recipe
from ..recipes import method
from ..statistics import Interval, paired_bootstrap
from .distance import PAIRS, Known, Verdict
from .known_pairs import BRADLEY_TERRY, zeros
from .pairwise import apart, chosen, drawn, learnt
from .problem import (
    BETA,
    REWARD,
    distribution,
    falling_root,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from .regret import COPIES, regret
from .tabular import LENGTH


def vpo() -> Known:
    """Two answers cancel in the loss on pairs at the optimum, and the preferred ones are likeliest there."""
    optimum = regularised_optimum()
    people = drawn(optimum, optimum * (-REWARD).exp())
    return Known(
        recipe=method("vpo")(beta=BETA, alpha=0.1),
        what="pi_ref exp(r/beta)/Z, which the preferred answers are drawn from, the others less by exp(-r)",
        distance=lambda recipe: total_variation(learnt(recipe, *people), optimum),
    )


def beside() -> Tensor:
    """Every judged pair in both orders, and beside it (4032 4) two draws, which together are every pair as well."""
    shuffled = PAIRS[torch.randperm(len(PAIRS), generator=torch.Generator().manual_seed(0))]
    return torch.cat([torch.cat([order, shuffled], 1) for order in (PAIRS, PAIRS.flip(1))])


def vrpo() -> Known:
    """The reward is for something else: what it takes off the judged pairs it puts back with the draws."""
    _, probability = chosen(BRADLEY_TERRY)
    return Known(
        recipe=method("vrpo")(beta=BETA, draws=2, reward=bind(zeros)),
        what="pi_ref exp(r/beta)/Z, from Bradley-Terry choices in every pair, with draws and a reward that is wrong",
        distance=lambda recipe: total_variation(learnt(recipe, beside(), probability), regularised_optimum()),
    )


def held_dear() -> Tensor:
    """Every answer in one pair (32 2), the better-paid first: the less likely it is, the likelier the other."""
    order = REWARD.argsort(descending=True, stable=True)
    start = distribution(reference())
    better, worse = order[:32], order[32:]
    pairs = torch.stack([better[start[better].argsort()], worse[start[worse].argsort(descending=True)]], 1)
    return pairs[apart(pairs=pairs) > 0]


def leads(policy: Tensor) -> Tensor:
    """By how much the better answer of each of these pairs is likelier, in nats."""
    return apart(policy.log(), held_dear())


def cpo_conditional(beta: float = 3.0, gamma: float = 0.5, tau: float = 2.0) -> Known:
    """No answer is in two pairs, so that the pull of both orders is balanced in each of them by itself."""
    pairs, ahead = held_dear(), leads(distribution(reference())) / LENGTH
    people = apart(pairs=pairs).sigmoid()
    forth, back = (d + (1 + (tau * (gamma - d)).exp()).log() / tau for d in (ahead, -ahead))

    def pull(d: Tensor) -> Tensor:
        return people * (beta * (forth - d)).sigmoid() - (1 - people) * (beta * (back + d)).sigmoid()

    target = falling_root(pull, like=people)

    def distance(recipe: Recipe) -> float:
        found = leads(learnt(recipe, *chosen(people, pairs)))
        return float((found.sigmoid() - (LENGTH * target).sigmoid()).abs().max())

    return Known(
        recipe=method("cpo-conditional")(beta=beta, gamma=gamma, tau=tau),
        what="the better answer ahead in every pair, by what balances its pull, though the reference holds the other "
        "dear (the largest difference in the share of a pair is measured)",
        distance=distance,
    )


def explored(alpha: float) -> Interval:
    """How much more regret a policy has with this bonus for exploring than without it, over the same draws."""
    without, with_bonus = (
        regret(method("xpo")(reward=bind(rises), beta=BETA, alpha=a, steps=100)).tolist() for a in (0.0, alpha)
    )
    return paired_bootstrap(without, with_bonus)


def _xpo() -> Verdict:
    return Verdict(
        method="xpo",
        what=f"less regret over {COPIES} runs than without its bonus, where the reference hardly ever says the best "
        "answer (the upper end of a 95% interval of the mean difference is measured)",
        distance=explored(0.1).high,
        bound=0.0,
    )


KNOWN_REGIMES: dict[str, Callable[[], Verdict]] = {
    "cpo-conditional": lambda: cpo_conditional().verdict(),
    "vpo": lambda: vpo().verdict(),
    "vrpo": lambda: vrpo().verdict(),
    "xpo": _xpo,
}
"""How each of them is verified."""
