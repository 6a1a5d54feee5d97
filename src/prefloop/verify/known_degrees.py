"""What a method whose policy also tells degrees apart is known to reach."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..recipe import Recipe
from ..recipes import method
from .distance import Known, Verdict, verdicts
from .known_pairs import BRADLEY_TERRY
from .learn import from_population
from .pairwise import chosen
from .problem import BETA, distribution, regularised_optimum, total_variation
from .tabular import ANSWERS, answer_rows

DEGREES = 3


def lesser() -> tuple[Tensor, Tensor]:
    """Every answer at every degree, as places in `ANSWERS` (64 3), and its degree there, -1 where it has none (64 3).

    At degree d the d largest digits of an answer are 0, the first of equals first. An answer that has no digit left to
    lose lacks the degree.
    """
    order = ANSWERS.argsort(dim=1, descending=True, stable=True)
    kept = [ANSWERS.scatter(1, order[:, :d], 0) for d in range(DEGREES)]
    places = torch.stack([answer_rows(ids) for ids in kept], 1)
    has = (ANSWERS > 0).sum(1, keepdim=True) >= torch.arange(DEGREES)
    return places, torch.where(has, torch.arange(DEGREES), -1)


def told(preferred: Tensor, probability: Tensor) -> Tensor:
    """What the best classifier says of every answer (64 3): how often it is met at each degree, by counting.

    `preferred` are the preferred answers of all rows, each as often as it is probable; the degrees of a row share that.
    """
    places, degree = lesser()
    there = degree >= 0
    share = torch.zeros(len(ANSWERS), dtype=torch.float64).index_add(0, preferred, probability)
    each = share[:, None] * there / there.sum(1, keepdim=True)
    met = torch.zeros(len(ANSWERS), DEGREES, dtype=torch.float64)
    met.index_put_((places[there], degree[there]), each[there], accumulate=True)
    return met / met.sum(1, keepdim=True)


def spo_degree() -> Known:
    """The policy and its second head share no weight here: neither is to keep the other from its own optimum."""
    pairs, probability = chosen(BRADLEY_TERRY)
    places, degree = (x[pairs[:, 0]] for x in lesser())
    answers = torch.cat([pairs, places[:, 1:]], 1)
    marks = torch.cat([degree[:, :1], torch.full((len(pairs), 1), -1), degree[:, 1:]], 1)
    people = told(pairs[:, 0], probability)

    def distance(recipe: Recipe) -> float:
        policy = from_population(recipe, answers, probability, degree=marks)["policy"]
        found = policy.degrees[0].detach().softmax(-1)
        apart = max(total_variation(one, other) for one, other in zip(found, people, strict=True))
        return max(apart, total_variation(distribution(policy), regularised_optimum()))

    return Known(
        recipe=method("spo-degree")(beta=BETA, degrees=DEGREES),
        what="pi_ref exp(r/beta)/Z, and of every answer how often it is met at each degree (the larger distance of the "
        "policy and of all answers is measured)",
        distance=distance,
    )


KNOWN_DEGREES: dict[str, Callable[[], Verdict]] = verdicts({"spo-degree": spo_degree})
"""How each of them is verified."""
