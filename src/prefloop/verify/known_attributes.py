"""What reward models are known to find of attributes, of parts of answers, of corrections, and apart from length."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ..recipe import Recipe
from ..recipes import method
from ..shaping.edits import changed_share
from .distance import PAIRS, Known, Verdict, verdicts
from .known_likelihoods import ALONE
from .learn import from_population, of_several_numbers
from .pairwise import SHORT, SHORT_PAIRS, apart, chosen
from .problem import total_variation
from .tabular import ANSWERS, ENDED, LENGTH, PREFIXES, TOKENS, answer_rows, prefix_rows

SHORT_ROWS = answer_rows(torch.tensor([[*ids, *[0] * (LENGTH - len(ids))] for ids in ENDED]))
"""The places in `ANSWERS` of those that end with their first 0."""
SHORT_LENGTHS = torch.tensor([float(len(ids)) for ids in ENDED], dtype=torch.float64)
"""Their lengths."""


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def helpsteer2() -> Known:
    """Two raters, of whom one leaves out a third of all and the other is off by as much to the other side."""
    truth = _random(len(ANSWERS), 5, seed=3)
    both = (torch.arange(len(ANSWERS))[:, None] + torch.arange(5)) % 3 > 0
    off = torch.where(both, 0.5, 0.0)
    aspect = torch.cat([truth + off, torch.where(both, truth - off, torch.nan)]).unsqueeze(1)

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, ALONE.repeat(2, 1), even(2 * len(ANSWERS)), beside={"aspect": aspect})
        return float((found["reward"].table[0].detach() - truth).abs().max())

    return Known(
        recipe=method("helpsteer2")(),
        what="the mean rating of every attribute of every answer, some of which only one of two raters rated",
        distance=distance,
    )


def even(rows: int) -> Tensor:
    """Every row as probable."""
    return torch.full((rows,), 1 / rows)


def armorm() -> Known:
    """People who weigh the attributes, which are known, and choose by the sum."""
    recipe = method("armorm")()
    channels = of_several_numbers(recipe)["reward"].channels[0]
    weights = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, *chosen(apart(channels @ weights).sigmoid()))
        return total_variation(found["reward"].table[0].detach().softmax(-1), weights)

    return Known(
        recipe=recipe,
        what="how much each of five known attributes counts to people who choose by their sum",
        distance=distance,
    )


def _steps(recipe: Recipe, right: Tensor, neutral: Tensor, neutral_is: float) -> float:
    """How far the chance that a step is right is from what people say of it, at every token after every prefix."""
    at = (prefix_rows(ANSWERS), ANSWERS)
    shares = {1.0: right[at], 0.5: neutral[at], 0.0: 1 - right[at] - neutral[at]}
    labels, probability = [], []
    for label, share in shares.items():
        for t in range(LENGTH):
            alone = torch.full((len(ANSWERS), 1, LENGTH), torch.nan, dtype=torch.float64)
            alone[:, 0, t] = label
            labels.append(alone)
            probability.append(share[:, t])
    found = from_population(
        recipe,
        ALONE.repeat(len(labels), 1),
        torch.cat(probability) / len(ANSWERS) / LENGTH,
        beside={"token_label": torch.cat(labels)},
        steps=400,
    )
    return float((found["reward"].table[0].detach().sigmoid() - right - neutral_is * neutral).abs().max())


def prm(neutral: float = 1.0) -> Known:
    """People who call some steps right, some wrong and a tenth neutral."""
    right = 0.05 + 0.8 * _random(PREFIXES, TOKENS, seed=4).sigmoid()
    return Known(
        recipe=method("prm")(neutral=neutral),
        what="how often people call a step right or neutral, of every token after every beginning of an answer",
        distance=lambda r: _steps(r, right, torch.full_like(right, 0.1), neutral),
    )


def fine_grained_reward() -> Known:
    """People who mark errors in some parts."""
    right = 0.05 + 0.9 * _random(PREFIXES, TOKENS, seed=5).sigmoid()
    return Known(
        recipe=method("fine-grained-reward")(),
        what="how often people find no error in a part, of every token after every beginning of an answer",
        distance=lambda r: _steps(r, right, torch.zeros_like(right), 0.0),
    )


def likeliest(pairs: Tensor, weight: Tensor) -> Tensor:
    """The scores (64) under which corrections are likeliest that count so much each, held to a mean of 0, by Newton."""
    score = torch.zeros(len(ANSWERS), dtype=torch.float64)

    def loss(score: Tensor) -> Tensor:
        return (weight * softplus(-apart(score, pairs))).sum() + score.mean().square()

    for _ in range(30):
        slope = torch.autograd.functional.jacobian(loss, score)  # type: ignore[no-untyped-call]
        curve = torch.autograd.functional.hessian(loss, score)  # type: ignore[no-untyped-call]
        score = score - torch.linalg.solve(curve, slope)
    return score


def edits() -> Known:
    """People who disagree, so that it matters what counts how much: every pair in both orders, one of them oftener."""
    source = torch.Generator().manual_seed(6)
    some = PAIRS[torch.randperm(len(PAIRS), generator=source)[:600]]
    pairs = torch.cat([some, some.flip(1), some[:200], some[400:].flip(1)])
    weight = changed_share(ANSWERS[pairs], torch.ones(*pairs.shape, LENGTH)).double()

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, pairs, even(len(pairs)))["reward"].table[0].detach()
        return total_variation(found.softmax(-1), likeliest(pairs, weight).softmax(-1))

    return Known(
        recipe=method("edits")(),
        what="the reward under which people's corrections are likeliest, each counted by how much it changed",
        distance=distance,
    )


def odin() -> Known:
    """People with a taste for length: what they want beside it is their reward without what length explains of it."""
    centred = SHORT_LENGTHS - SHORT_LENGTHS.mean()
    wanted = _random(len(SHORT), seed=7)
    wanted = wanted - wanted.mean() - (wanted @ centred) / centred.square().sum() * centred
    people = wanted + 0.8 * SHORT_LENGTHS

    def distance(recipe: Recipe) -> float:
        answers, often = chosen(apart(people, SHORT_PAIRS).sigmoid(), SHORT_PAIRS)
        found = from_population(recipe, answers, often, drawn=SHORT, steps=600)["reward"].table[0].detach()[SHORT_ROWS]
        both = total_variation(found.sum(-1).softmax(-1), people.softmax(-1))
        return max(both, total_variation(found[:, 0].softmax(-1), wanted.softmax(-1)))

    return Known(
        recipe=method("odin")(),
        what="the reward of people with a taste for length, and in its quality what length does not explain of it",
        distance=distance,
    )


CASES: dict[str, Callable[[], Known]] = {
    "armorm": armorm,
    "edits": edits,
    "fine-grained-reward": fine_grained_reward,
    "helpsteer2": helpsteer2,
    "odin": odin,
    "prm": prm,
}

KNOWN_ATTRIBUTES: dict[str, Callable[[], Verdict]] = verdicts(CASES)
"""How each of them is verified."""
