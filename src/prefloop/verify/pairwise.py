"""Pairs of answers on the tabular problem: who chooses what how often, and where a method that learns from it ends.

The losses on pairs have an exact answer where, at the policy in question, every two answers cancel each other: the pull
of the one order times its probability is the pull of the other. For DPO these are Bradley-Terry choices; for other
losses they are the choices of other people, and those are what `known_pairs.py` writes down.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..batch import Batch
from ..learning.update import Dials, derived, loss
from ..recipe import Recipe
from .distance import PAIRS
from .learn import from_population
from .problem import REWARD, distribution, reference
from .tabular import ENDED, LENGTH, response

SHORT = tuple(response(ids) for ids in ENDED)
"""The answers that end with their first 0, as records."""

SHORT_PAIRS = torch.combinations(torch.arange(len(SHORT)))
"""Every two of them."""


def chosen(first: Tensor, pairs: Tensor = PAIRS) -> tuple[Tensor, Tensor]:
    """Every pair in both orders, as often as people choose its first answer and as often as they do not."""
    return torch.cat([pairs, pairs.flip(1)]), torch.cat([first, 1 - first]) / len(pairs)


def apart(values: Tensor = REWARD, pairs: Tensor = PAIRS) -> Tensor:
    """How much more the first answer of each pair is worth."""
    return values[pairs[:, 0]] - values[pairs[:, 1]]


def drawn(preferred: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Every answer before every answer: the preferred drawn from one distribution and the other from another."""
    places = torch.arange(len(preferred))
    return torch.cartesian_prod(places, places), torch.outer(preferred, other / other.sum()).flatten()


def learnt(recipe: Recipe, answers: Tensor, probability: Tensor, **how: Any) -> Tensor:
    """The distribution (64) a recipe comes to from all of this data; `how` is that of `from_population`."""
    return distribution(from_population(recipe, answers, probability, **how)["policy"])


def lowest(recipe: Recipe, answers: Tensor, probability: Tensor) -> Tensor:
    """The distribution (64) at which the recipe's objective is lowest, found without tokens, batches or a learner.

    Every answer has one free number; its log-probability is handed to the objective in equal parts, one for each token.
    """
    start = distribution(reference()).log()
    free = start.clone().requires_grad_()
    dials = Dials(recipe)

    def parts(logp: Tensor) -> Tensor:
        return (logp[answers] / LENGTH).unsqueeze(-1).expand(-1, -1, LENGTH)

    given = {"mask": torch.ones(*answers.shape, LENGTH), "weight": probability * len(answers), "ref_logp": parts(start)}

    batch = Batch(trunks=(), lengths=torch.full(answers.shape, LENGTH), tensors=given)
    tensors = derived(recipe, batch, {"logp": parts(start)}, dials)

    def objective() -> Tensor:
        total = loss(recipe, {"logp": parts(free.log_softmax(-1))}, tensors, dials)
        (free.grad,) = torch.autograd.grad(total, free)
        return total

    optimiser = torch.optim.LBFGS([free], max_iter=2000, tolerance_change=0.0, line_search_fn="strong_wolfe")
    optimiser.step(objective)  # type: ignore[no-untyped-call]
    return free.detach().softmax(-1)
