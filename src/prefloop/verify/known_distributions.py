"""What the methods that compare whole next-token distributions are known to reach."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..recipe import Recipe
from ..recipes import method
from .distance import PAIRS, Known, verdicts
from .learn import networks
from .pairwise import apart, chosen, learnt
from .problem import BETA, distribution, reference, regularised_optimum, speaking, total_variation
from .tabular import ANSWERS, Policy, prefix_rows

Teacher = Callable[[Tensor, Tensor], Tensor]


def tdpo1() -> Known:
    """Every term is lowest where the policy's choice in its pair is people's, and at the optimum all are."""
    optimum, start = speaking(regularised_optimum()), reference()
    worth = _gained(start, optimum) + divergence(start, optimum)
    people = (BETA * apart(worth.detach())).sigmoid()
    return Known(
        recipe=method("tdpo1")(beta=BETA),
        what="pi_ref exp(r/beta)/Z, by whose log-ratio and divergence from pi_ref people choose in every two answers",
        distance=lambda recipe: total_variation(learnt(recipe, *chosen(people)), distribution(optimum)),
    )


def tdpo(alpha: float = 0.5) -> Known:
    """What is held fixed in one order of a pair and not in the other pulls to the reference, also where choices agree.

    No function is lowest where it comes to rest, so that place is found by following the pull itself.
    """
    people = apart().sigmoid()

    def distance(recipe: Recipe) -> float:
        return total_variation(learnt(recipe, *chosen(people)), _at_rest(people, alpha))

    what = "where its pull is at rest, found over whole answers, from Bradley-Terry choices in every pair of answers"
    return Known(recipe=method("tdpo")(beta=BETA, alpha=alpha), what=what, distance=distance)


def _at_rest(people: Tensor, alpha: float, steps: int = 2000) -> Tensor:
    start, policy = reference(), reference()
    first, second = PAIRS.T
    optimiser = torch.optim.Adam(policy.parameters(), lr=0.05)
    rate = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    for _ in range(steps):
        gained, away = _gained(start, policy), divergence(start, policy)
        agreed = (BETA * apart(gained + alpha * away)).sigmoid().detach()
        forth = people * (1 - agreed) * (apart(gained) - alpha * away[second])
        back = (1 - people) * agreed * (-apart(gained) - alpha * away[first])
        optimiser.zero_grad()
        (-forth - back).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
    return distribution(policy)


def _gained(start: Policy, policy: Policy) -> Tensor:
    """The log-ratio of every answer (64), differentiable."""
    return (policy.log_answers() - start.log_answers().detach())[0]


def divergence(start: Policy, policy: Policy) -> Tensor:
    """The sum along every answer (64) of KL(start || policy) of each next token, differentiable."""
    p, q = start.table[0].detach().softmax(-1), policy.table[0].softmax(-1)
    return (p * (p / q).log()).sum(-1)[prefix_rows(ANSWERS)].sum(-1)


def dpo_distil(beta: float = 0.4) -> Known:
    """The tabular DPO model has learnt with a `beta` of 1."""

    def teacher(dpo: Tensor, ref: Tensor) -> Tensor:
        return ref ** (1 - 1 / beta) * dpo ** (1 / beta)

    what = "the DPO model's next token to the power 1/beta, pi_ref's to the rest, after every prefix"
    return _distilled("dpo-distil", what, ("dpo", "ref"), teacher, beta=beta, dpo_beta=1.0)


def aligndistil(scale: float = 1.0) -> Known:
    """The two tabular models have learnt the reward, and its opposite."""

    def teacher(dpo: Tensor, reverse: Tensor) -> Tensor:
        weight = scale * (dpo - reverse).abs().sum(-1, keepdim=True) + 1e-3
        return dpo * (dpo / reverse) ** weight

    what = "the DPO model's next token, times the ratio of the two models to a power that grows with their distance"
    return _distilled("aligndistil", what, ("dpo", "reverse"), teacher, scale=scale)


def _distilled(name: str, what: str, roles: tuple[str, str], teacher: Teacher, **knobs: float) -> Known:
    """Distillation is at rest where the policy is its teacher after every prefix, wherever the answers come from."""
    one, other = (networks()[role].table[0].softmax(-1).detach() for role in roles)
    target = distribution(Policy(teacher(one, other).log().unsqueeze(0)))
    answers = torch.arange(len(ANSWERS)).unsqueeze(-1)
    evenly = torch.full((len(answers),), 1 / len(answers), dtype=torch.float64)

    def distance(recipe: Recipe) -> float:
        return total_variation(learnt(recipe, answers, evenly, steps=300), target)

    return Known(recipe=method(name)(**knobs), what=what, distance=distance)


CASES: dict[str, Callable[[], Known]] = {
    "aligndistil": aligndistil,
    "dpo-distil": dpo_distil,
    "tdpo": tdpo,
    "tdpo1": tdpo1,
}
"""Every method of the family; its recipe is made when it is asked for."""


KNOWN_DISTRIBUTIONS = verdicts(CASES)
"""How each of them is verified."""
