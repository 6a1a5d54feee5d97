"""The problem every method is verified on, and its known answers, each written down by enumeration.

One prompt, a reward with ties that looks at the whole answer, a reference that is far from uniform, and a KL price at
which the optimum is far from the reference and from a single answer.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from ..text import Prompt
from .tabular import ANSWERS, PREFIXES, TOKENS, Policy, text_of

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


@torch.no_grad()
def distribution(policy: Policy) -> Tensor:
    """The probability of every answer (64)."""
    return policy.log_answers()[0].exp()


def regularised_optimum() -> Tensor:
    """The policy that maximises E[r] - beta KL(pi || pi_ref):

        pi*(y) = pi_ref(y) exp(r(y) / beta) / Z

    Rafailov et al. 2023 (arXiv 2305.18290), equation 4.
    """
    return (distribution(reference()).log() + REWARD / BETA).softmax(-1)


def best_of_distribution(n: int) -> Tensor:
    """The distribution of the best-paid of n independent answers of the reference.

        p(y) = pi_ref(y) (F(r)^n - F(<r)^n) / (F(r) - F(<r))        r = r(y)

    with F(r) the probability of being paid at most r, and F(<r) less than r: all n are paid at most r and not all of
    them less; among equals the first drawn is taken, so that they share in proportion to pi_ref.
    """
    probability = distribution(reference())
    at_most = (REWARD.unsqueeze(-1) >= REWARD).to(probability) @ probability
    below = (REWARD.unsqueeze(-1) > REWARD).to(probability) @ probability
    return probability * (at_most**n - below**n) / (at_most - below)


def total_variation(p: Tensor, q: Tensor) -> float:
    """Half the sum of absolute differences: the largest difference in the probability of any event.

    >>> total_variation(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
    0.5
    """
    return float((p - q).abs().sum() / 2)
