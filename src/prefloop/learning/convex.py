"""Reward heads on features that stay as they are, fitted to their one optimum in a single solve.

The features are cached: those of a frozen model, or numbers that an expert names. What is minimised is convex in the
head: there is nothing to tune but how much a weight costs, and the gradient says how far from the optimum it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """The weights of a head, and its certificate: the length of the gradient there, and by how much it could be lower.

    Since the price makes the objective strongly convex, no head lies more than `short` below this one.
    """

    weights: Tensor
    gradient: float
    short: float


def solve(better: Tensor, worse: Tensor, *, price: float = 1e-3, tolerance: float = 1e-8) -> Solved:
    """The linear head w on features (N d) under which people's choices are likeliest, by Newton's method.

        min_w  1/N sum_n log(1 + exp(-w (better_n - worse_n))) + price/2 |w|^2

    Bradley-Terry on a frozen trunk: a logistic regression without an intercept on the differences. `short` is
    |gradient|^2 / (2 price), the bound for a strongly convex function.

    Raises:
        DataError: there are no pairs, or a number is not finite.

    >>> torch.set_printoptions(precision=4)
    >>> found = solve(torch.tensor([[1.0], [1.0], [0.0]]), torch.tensor([[0.0], [0.0], [1.0]]), price=1e-6)
    >>> round(float(found.weights[0]), 3), found.gradient < 1e-8
    (0.693, True)
    """
    if not len(better) or price <= 0:
        raise DataError("a head is fitted to pairs, at a price above 0: there are none, or the price is not.")
    apart = (better - worse).double()
    if not bool(apart.isfinite().all()):
        raise DataError("a feature of an answer is not a finite number, and no head can be fitted to it.")
    back = None
    if len(apart) < apart.shape[1]:  # no pair has anything off their span, and there the price leaves the weights at 0
        back, _ = torch.linalg.qr(apart.T)
        apart = apart @ back
    weights = torch.zeros(apart.shape[1], dtype=torch.float64)
    own = price * torch.eye(apart.shape[1], dtype=torch.float64)

    def loss(w: Tensor) -> Tensor:
        return softplus(-(apart @ w)).mean() + price / 2 * w.square().sum()

    for _ in range(200):
        missed = (-(apart @ weights)).sigmoid()
        gradient = price * weights - apart.T @ missed / len(apart)
        if float(gradient.norm()) <= tolerance:
            break
        curve = apart.T @ (apart * (missed * (1 - missed))[:, None]) / len(apart) + own
        weights = _descended(loss, weights, torch.linalg.solve(curve, gradient), gradient)
    length = float(gradient.norm())
    return Solved(weights=weights if back is None else back @ weights, gradient=length, short=length**2 / (2 * price))


def _descended(loss: Callable[[Tensor], Tensor], at: Tensor, step: Tensor, gradient: Tensor) -> Tensor:
    """The weights after as much of a Newton step as lowers the loss; all of it near the optimum."""
    share, before, promised = 1.0, loss(at), gradient @ step
    while share > 1e-6 and loss(at - share * step) > before - 1e-4 * share * promised + 1e-15:
        share /= 2
    return at - share * step


def lifted(features: Tensor, gates: Tensor) -> Tensor:
    """Features (N d) as a network of two layers with fixed gates (d m) sees them (N m d), flat: N (m d).

        h_(i j) = [gate_i x >= 0] x_j

    A linear head on them is a gated ReLU network of m neurons, and the objective stays convex in all its weights
    (Mishkin et al. 2022, arXiv 2202.01331). The convex reformulation of a two-layer network that COALA uses (Feng and
    Pilanci 2026, arXiv 2605.23244) has the same patterns of activation; here they are drawn and not enumerated, the
    price is on squares in place of lengths of groups, and the cones are left out.

    >>> lifted(torch.tensor([[1.0, -2.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [[1.0, -2.0, 0.0, -0.0]]
    """
    return ((features @ gates >= 0)[:, :, None] * features[:, None]).flatten(1)
