"""The problem every method is verified on, and its known answers, each written down by enumeration.

One prompt, a reward with ties that looks at the whole answer, a reference that is far from uniform, and a KL price at
which the optimum is far from the reference and from a single answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..text import Prompt
from .tabular import ANSWERS, LENGTH, PREFIXES, TOKENS, Policy, text_of

PROMPT = Prompt(text="0")
BETA = 0.5


def rises(prompt: str, response: str) -> float:
    """The reward: 1 for every digit larger than the one before, 1/2 for ending with the digit it began with.

    >>> rises("0", "012"), rises("0", "010")
    (2.0, 1.5)
    """
    higher = sum(after > before for before, after in itertools.pairwise(response))
    return higher + 0.5 * (response[0] == response[-1])


REWARD = torch.tensor([rises(PROMPT.shown, text_of(a)) for a in ANSWERS.tolist()], dtype=torch.float64)
"""The reward of every answer (64)."""


def reference() -> Policy:
    """The reference policy, the same at every call."""
    source = torch.Generator().manual_seed(0)
    return Policy(torch.randn(1, PREFIXES, TOKENS, generator=source, dtype=torch.float64))


def instructed(way: float) -> Policy:
    """The reference as it answers when it is told something first, and the opposite for the opposite `way`.

    >>> tables = [instructed(way).table for way in (1.0, 0.0, -1.0)]
    >>> bool(torch.allclose(tables[0] + tables[2], 2 * tables[1]))
    True
    """
    source = torch.Generator().manual_seed(1)
    push = torch.randn(1, PREFIXES, TOKENS, generator=source, dtype=torch.float64)
    return Policy(reference().table + way * push)


@torch.no_grad()
def distribution(policy: Policy) -> Tensor:
    """The probability of every answer (64)."""
    return policy.log_answers()[0].exp()


def tilted(worth: Tensor) -> Tensor:
    """The reference, tilted: pi_ref exp(worth) / Z."""
    return (distribution(reference()).log() + worth).softmax(-1)


def speaking(answers: Tensor) -> Policy:
    """The policy whose answers have these probabilities (64)."""
    tree = answers.reshape([TOKENS] * LENGTH)
    begun = [tree.sum(tuple(range(n, LENGTH))).flatten() for n in range(1, LENGTH)] + [answers]
    return Policy(torch.cat([p.view(-1, TOKENS).log() for p in begun]).unsqueeze(0))


def regularised_optimum() -> Tensor:
    """The policy that maximises E[r] - beta KL(pi || pi_ref):

        pi*(y) = pi_ref(y) exp(r(y) / beta) / Z

    Rafailov et al. 2023 (arXiv 2305.18290), equation 4.
    """
    return tilted(REWARD / BETA)


def best_of_distribution(n: int, drawn: Tensor | None = None, paid: Tensor = REWARD) -> Tensor:
    """The distribution of the best-paid of n independent answers of the reference, or of what else they are drawn from.

        p(y) = pi_ref(y) (F(r)^n - F(<r)^n) / (F(r) - F(<r))        r = r(y)

    with F(r) the probability of being paid at most r, and F(<r) less than r: all n are paid at most r and not all of
    them less; among equals the first drawn is taken, so that they share in proportion to pi_ref.
    """
    probability = distribution(reference()) if drawn is None else drawn
    at_most = (paid.unsqueeze(-1) >= paid).to(probability) @ probability
    below = (paid.unsqueeze(-1) > paid).to(probability) @ probability
    return probability * (at_most**n - below**n) / (at_most - below)


def best_alone() -> Tensor:
    """The reference on the best-paid answers alone:

        p(y) = pi_ref(y) [r(y) = max r] / Z

    Where a method always prefers the better-paid of two own answers, every answer but these loses for ever; between
    answers paid alike a fair coin draws log pi / pi_ref together, so that those left share as they did at first.
    """
    probability = distribution(reference())
    left = torch.where(REWARD.max() == REWARD, probability, 0.0)
    return left / left.sum()


def liked() -> Tensor:
    """The probability that people like each answer (64): a logistic function of its reward, above 1/2 everywhere."""
    return (REWARD + 1).sigmoid()


def most_valued(*, undesirable: float) -> Tensor:
    """The policy that people value most when every answer is judged equally often, with beta = `BETA`, lambda_D = 1:

        maximise sum_y w(y) sigmoid(u(y))        w = p(liked) - lambda_U p(not liked)
        where    u(y) = beta (log(pi(y) / pi_ref(y)) - z_0)

    and z_0, held fixed while maximising, is the mean of log(pi / pi_ref) over the answers: Ethayarajh et al. 2024
    (arXiv 2402.01306), equations 7 and 8. The derivative under sum_y pi(y) = 1 is 0 where

        log(w / pi_ref) + log sigmoid(u) + log sigmoid(-u) - u / beta = c        for every y

    The left side falls in u, since w > 0 and beta <= 1, so that u follows from c; c from the mean of u, which is 0 by
    the definition of z_0; and z_0 from sum_y pi(y) = 1. It is above 0 here, so that its bound at 0 is not met.
    """
    p, start = liked(), distribution(reference())
    height = ((p - undesirable * (1 - p)) / start).log()

    def gains(c: Tensor) -> Tensor:
        return falling_root(lambda u: height + logsigmoid(u) + logsigmoid(-u) - u / BETA - c, like=start)

    c = falling_root(lambda c: gains(c).mean(), like=start[0])
    policy = start * (gains(c) / BETA).exp()
    assert policy.sum() < 1, "z_0 is minus the log of this sum"
    return policy / policy.sum()


def falling_root(function: Callable[[Tensor], Tensor], *, like: Tensor) -> Tensor:
    """Where a falling function crosses 0, between -100 and 100, by halving."""
    low, high = torch.full_like(like, -100.0), torch.full_like(like, 100.0)
    for _ in range(60):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return low


def total_variation(p: Tensor, q: Tensor) -> float:
    """Half the sum of absolute differences: the largest difference in the probability of any event.

    >>> total_variation(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
    0.5
    """
    return float((p - q).abs().sum() / 2)
