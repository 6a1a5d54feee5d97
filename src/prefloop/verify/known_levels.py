"""What methods are known to reach that also compare one answer under two prompts, on two prompts of one problem."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..recipe import Recipe
from ..recipes import method
from .distance import PAIRS, Known, Verdict, verdicts
from .learn import from_population
from .problem import BETA, REWARD, distribution, reference, total_variation
from .tabular import ANSWERS

PROMPTS = 2
SOME = PAIRS[::8]
"""Pairs that hold together all answers."""
EACH = torch.arange(len(ANSWERS))


def rewards(apart: float) -> Tensor:
    """The reward of every answer to each of two prompts (2 64): to the second that of the answer read backwards.

    That is `apart` less besides, so that one answer under two prompts tells what pairs to one prompt do not.
    """
    backwards = REWARD.view(4, 4, 4).permute(2, 1, 0).flatten()
    return torch.stack([REWARD, backwards - apart])


def equally_worthy() -> Tensor:
    """`rewards` where both prompts promise as much: E exp(r / beta) under the reference is the same."""
    start = distribution(reference())
    worth = [BETA * (start * (r / BETA).exp()).sum().log() for r in rewards(0.0)]
    return rewards(float(worth[1] - worth[0]))


def said(reward: Tensor, *, levels: str = "answers prompts gaps") -> tuple[Tensor, Tensor, Tensor]:
    """Answers (rows 4, -1 for none), what each answers, and how often people say so, at these levels."""
    rows, asked, often = [], [], []

    def put(answers: Tensor, prompts: tuple[int, ...]) -> None:
        """Both orders of a comparison of pairs, or of gaps."""
        values = reward[torch.tensor(prompts), answers]
        ahead = values[:, 0] - values[:, 1]
        ahead = ahead - (values[:, 2] - values[:, 3]) if len(prompts) == 4 else ahead
        turned = [2, 3, 0, 1] if len(prompts) == 4 else [1, 0]
        for order, share in ((list(range(len(prompts))), ahead.sigmoid()), (turned, (-ahead).sigmoid())):
            none = torch.full((len(answers), 4 - len(prompts)), -1)
            rows.append(torch.cat([answers[:, order], none], 1))
            asked.append(torch.tensor([[prompts[i] for i in order] + [0] * (4 - len(prompts))]).expand(len(answers), 4))
            often.append(share / len(answers))

    if "answers" in levels:
        put(SOME, (0, 0))
        put(SOME, (1, 1))
    if "prompts" in levels:
        put(EACH[:, None].expand(-1, 2), (0, 1))
    if "gaps" in levels:
        put(SOME[:, [0, 1, 0, 1]], (0, 0, 1, 1))
    found = torch.cat(often)
    return torch.cat(rows), torch.cat(asked), found / found.sum()


def scored_off(recipe: Recipe, reward: Tensor, **which: str) -> float:
    """How far the scores are from this reward of both prompts, up to one constant for all of it."""
    answers, asked, often = said(reward, **which)
    table = from_population(recipe, answers, often, asked=asked, steps=300)["reward"].table.detach()
    return total_variation(table.flatten().softmax(-1), reward.flatten().softmax(-1))


def answered_off(recipe: Recipe, reward: Tensor, **which: str) -> float:
    """How far the policy is from pi_ref exp(r / beta) / Z after the prompt where it is farther."""
    answers, asked, often = said(reward, **which)
    policy = from_population(recipe, answers, often, asked=asked, steps=300)["policy"]
    best = (distribution(reference()).log() + reward / BETA).softmax(-1)
    return max(map(total_variation, policy.log_answers().detach().exp(), best))


CASES: dict[str, Callable[[], Known]] = {
    "mapl": lambda: Known(
        recipe=method("mapl")(),
        what="the people's reward of the answers to two prompts up to one constant, from answers, prompts and gaps",
        distance=partial(scored_off, reward=rewards(1.0)),
    ),
    "mapl-dpo": lambda: Known(
        recipe=method("mapl-dpo")(beta=BETA),
        what="pi_ref exp(r/beta)/Z after two prompts that promise as much, from answers, prompts and gaps",
        distance=partial(answered_off, reward=equally_worthy()),
    ),
}

KNOWN_LEVELS: dict[str, Callable[[], Verdict]] = verdicts(CASES)
"""How each of them is verified."""
