"""Reward heads fitted to the cached hidden states of a frozen decoder: one solve, and its price by cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..errors import DataError
from .convex import lifted, solve

PRICES = tuple(10.0**x for x in (-5, -4, -3, -2, -1, -0.5, 0, 0.5, 1, 2))
"""The prices of a weight that are tried."""
_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A linear head, or with `gates` one of two layers whose gates stay as they were drawn (`convex.lifted`).

        r = w x        or        r = 1/sqrt(m) sum_i [gate_i x >= 0] w_i x        x = (features - centre) / unit

    `price` is that of its weights, and `gradient` and `short` certify the optimum (`convex.Solved`).
    """

    centre: Tensor
    unit: Tensor
    weights: Tensor
    gates: Tensor | None
    price: float
    gradient: float
    short: float

    def score(self, features: Tensor) -> Tensor:
        """The reward of answers with these features (... d), in float64."""
        x = (features.double() - self.centre) / self.unit
        found: Tensor = _seen(x.flatten(0, -2), self.gates) @ self.weights
        return found.view(x.shape[:-1])

    def flat(self) -> Tensor:
        """The weights (d) of a linear head on the features as they are: it lacks a constant, which no comparison sees.

        Raises:
            DataError: it has gates, and is not linear.
        """
        if self.gates is not None:
            raise DataError(f"the head has {self.gates.shape[1]} gates and is no linear layer: save it beside a model.")
        return self.weights / self.unit


def fitted_head(
    pairs: Tensor, *, gates: int = 0, price: float | None = None, prompts: Sequence[int] = (), seed: int = 0
) -> Head:
    """The head under which choices between the features of two answers (P 2 d), the preferred first, are likeliest.

    Bradley-Terry (`convex.solve`) on features in units of their deviations on these answers. With `gates` it is a
    network of two layers and so many neurons, in the form of COALA (Feng and Pilanci 2026, arXiv 2605.23244) that
    `convex.lifted` says; the gates are drawn with the `seed`. Without a `price` that of `PRICES` is taken by which
    pairs left out in turn are likeliest, in five parts, the highest of equals; pairs of one of the `prompts` (P), by
    their numbers, stay together.

    Raises:
        DataError: fewer than two pairs, or a number that is not finite.

    >>> pairs = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 1.0], [1.0, 1.0]]])
    >>> head = fitted_head(pairs, price=0.1)
    >>> bool((head.score(pairs[:, 0]) > head.score(pairs[:, 1])).all()), head.gradient < 1e-8
    (True, True)
    """
    if len(pairs) < 2 or not bool(pairs.isfinite().all()):
        raise DataError(f"a head is fitted to two pairs at least, with finite features: here are {len(pairs)} pairs.")
    answers = pairs.double().flatten(0, 1)
    centre, unit = answers.mean(0), answers.std(0, correction=0)
    unit = torch.where(unit > 0, unit, 1.0)  # what is the same in all answers is in no difference
    draw = torch.Generator().manual_seed(seed)
    drawn = torch.randn(answers.shape[1], gates, generator=draw, dtype=torch.float64) if gates else None
    better, worse = (_seen((pairs[:, k].double() - centre) / unit, drawn) for k in (0, 1))
    cost = _cheapest(better, worse, prompts or range(len(pairs)), draw) if price is None else price
    found = solve(better, worse, price=cost)
    return Head(
        centre=centre,
        unit=unit,
        weights=found.weights,
        gates=drawn,
        price=cost,
        gradient=found.gradient,
        short=found.short,
    )


def _seen(x: Tensor, gates: Tensor | None) -> Tensor:
    return x if gates is None else lifted(x, gates) / math.sqrt(gates.shape[1])


def _cheapest(better: Tensor, worse: Tensor, prompts: Sequence[int], draw: torch.Generator) -> float:
    """The price under which what was left out is likeliest."""
    numbers, at = torch.tensor(list(prompts)).unique(return_inverse=True)  # type: ignore[no-untyped-call]
    if len(numbers) < 2:
        raise DataError("all pairs are about one prompt, so that none can be left out to find a price: give one.")
    fold = (torch.randperm(len(numbers), generator=draw) % _FOLDS)[at]
    apart = better - worse
    if len(apart) < apart.shape[1]:  # lengths and angles are all that counts, and there are as many axes as pairs
        apart = apart @ torch.linalg.qr(apart.T)[0]
    none = torch.zeros_like(apart)

    def lost(price: float) -> float:
        total = 0.0
        for n in fold.unique().tolist():  # type: ignore[no-untyped-call]
            found = solve(apart[fold != n], none[fold != n], price=price, tolerance=1e-4)
            total += float(softplus(-(apart[fold == n] @ found.weights)).sum())
        return total

    return float(min(reversed(PRICES), key=lost))
