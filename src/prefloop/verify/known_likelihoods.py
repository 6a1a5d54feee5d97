"""What reward models are known to find, from everything that people with a known reward say, as often as they do.

People's reward is `REWARD`, which the data fix up to a constant, and beside it stands what else a likelihood learns:
how often equals tie, where the grades part, how noisy ratings are, or how often somebody is turned round. The distance
is the largest of those of all of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..recipe import Recipe
from ..recipes import method
from .distance import PAIRS, Known, Verdict, verdicts
from .learn import from_population
from .pairwise import apart, chosen
from .problem import REWARD, liked, total_variation
from .tabular import ANSWERS

ALONE = torch.arange(len(ANSWERS)).unsqueeze(-1)
"""Every answer, as a row of its own."""

CONSTANT = "the people's reward up to a constant"


def off(networks: dict[str, Any], *others: tuple[Any, Any]) -> float:
    """How far the scores are from the reward, or something else that was learnt from what it should be."""
    score = networks["reward"].table[0].detach()
    further = [float((torch.as_tensor(found).detach() - torch.as_tensor(true)).abs().max()) for found, true in others]
    return max(total_variation(score.softmax(-1), REWARD.softmax(-1)), *further, 0.0)


def margin(most: float = 3.0, grades: int = 4) -> Known:
    """With odds u of the reward and M of the margin, the loss of both orders is lowest where people's odds are this:

    p / (1 - p) = u (M + u) / (1 + u M)
    """
    strength = 1 + torch.arange(len(PAIRS)) % grades
    u, m = apart().exp(), (most * (strength - 1) / (grades - 1)).exp()
    odds = u * (m + u) / (1 + u * m)
    targets = (0.5 + strength / (2 * grades)).repeat(2)
    return Known(
        recipe=method("bradley-terry-margin")(most=most, grades=grades),
        what=f"{CONSTANT}, where a wider lead is asked of the pairs people are surer of",
        distance=lambda r: off(from_population(r, *chosen(odds / (1 + odds)), targets=targets)),
    )


def soft() -> Known:
    """Every pair once, with the share of people that prefers its first answer."""
    even = torch.full((len(PAIRS),), 1 / len(PAIRS))
    return Known(
        recipe=method("bradley-terry-soft")(),
        what=f"{CONSTANT}, from every pair once with the share of people who prefer its first answer",
        distance=lambda r: off(from_population(r, PAIRS, even, targets=apart().sigmoid())),
    )


def smooth(smoothing: float = 0.05) -> Known:
    """People whose choices the smoothing brings to those of Bradley and Terry."""
    first = (apart().sigmoid() - smoothing) / (1 - 2 * smoothing)
    return Known(
        recipe=method("bradley-terry-smooth")(smoothing=smoothing),
        what=f"{CONSTANT}, from people so sure that the smoothing brings them to Bradley and Terry's choices",
        distance=lambda r: off(from_population(r, *chosen(first))),
    )


def _with_ties(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Every pair in both orders and once more, tied, each as often as people say so; and which rows are tied."""
    answers = torch.cat([PAIRS, PAIRS.flip(1), PAIRS])
    probability = torch.cat([first, second, 1 - first - second]) / len(PAIRS)
    tied = torch.cat([torch.zeros(2 * len(PAIRS)), torch.ones(len(PAIRS))])
    return answers, probability, tied


def davidson(nu: float = 0.6) -> Known:
    """Davidson's people."""
    gap = apart()
    whole = (gap / 2).exp() + (-gap / 2).exp() + nu
    answers, probability, tied = _with_ties((gap / 2).exp() / whole, (-gap / 2).exp() / whole)

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, answers, probability, beside={"tied": tied})
        return off(found, (found["ties"].rows[0, 0].exp(), nu))

    return Known(
        recipe=method("davidson")(), what=f"{CONSTANT}, and how often people find equals tied", distance=distance
    )


def rao_kupper(eta: float = 0.4) -> Known:
    """Rao's and Kupper's people."""
    answers, probability, tied = _with_ties((apart() - eta).sigmoid(), (-apart() - eta).sigmoid())

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, answers, probability, beside={"tied": tied})
        return off(found, (torch.nn.functional.softplus(found["ties"].rows[0, 0]), eta))

    return Known(
        recipe=method("rao-kupper")(),
        what=f"{CONSTANT}, and the threshold below which people see no difference",
        distance=distance,
    )


TIERS = (2.0, 1.0, 1.0, 0.0)
"""What is told of an order of four: the best, the last, and that two stand between them."""


def rankings(sets: int = 256) -> tuple[Tensor, Tensor, Tensor]:
    """Every order of some sets of four answers as often as people give it, of which only the `TIERS` are told."""
    source = torch.Generator().manual_seed(0)
    fours = torch.stack([torch.randperm(len(ANSWERS), generator=source)[:4] for _ in range(sets)])
    rows, often = [], []
    for order in itertools.permutations(range(4)):
        row = fours[:, list(order)]
        left = REWARD[row].flip(1).logcumsumexp(1).flip(1)
        rows.append(row)
        often.append((REWARD[row] - left).sum(1).exp())
    answers = torch.cat(rows)
    return answers, torch.cat(often) / sets, torch.tensor(TIERS).expand(len(answers), 4)


def ranking() -> Known:
    """Plackett's and Luce's people, who tell less than they know."""
    answers, probability, labels = rankings()
    return Known(
        recipe=method("ranking")(),
        what=f"{CONSTANT}, from rankings of 256 sets of four answers, the two in the middle left equal",
        distance=lambda r: off(from_population(r, answers, probability, labels=labels)),
    )


def ordinal(thresholds: tuple[float, ...] = (-0.5, 0.6, 2.0)) -> Known:
    """Every answer with every grade, as often as people give it."""
    theta = torch.tensor(thresholds, dtype=REWARD.dtype)
    below = torch.cat([(theta - REWARD.unsqueeze(1)).sigmoid(), torch.ones(len(ANSWERS), 1)], 1)
    often = below.diff(dim=1, prepend=torch.zeros(len(ANSWERS), 1))
    grades = torch.arange(1.0, 2 + len(theta))

    def distance(recipe: Recipe) -> float:
        labels = grades.repeat(len(ANSWERS)).unsqueeze(-1)
        rows = ALONE.repeat_interleave(len(grades), 0)
        found = from_population(recipe, rows, often.flatten() / len(ANSWERS), labels=labels)
        gaps = torch.nn.functional.softplus(found["grades"].rows[0, 1:])
        return off(found, (gaps, theta.diff()))

    return Known(
        recipe=method("ordinal")(lowest=1, highest=4),
        what=f"{CONSTANT}, and how far apart the grades are",
        distance=distance,
    )


def interval(noise: float = 0.6) -> Known:
    """Every answer rated as much too high as too low."""
    ratings = torch.stack([3 + 2 * (REWARD + noise), 3 + 2 * (REWARD - noise)], -1)

    def distance(recipe: Recipe) -> float:
        rows = ALONE.repeat_interleave(2, 0)
        even = torch.full((len(rows),), 1 / len(rows))
        found = from_population(recipe, rows, even, labels=ratings.view(-1, 1))
        return off(found, (found["ratings"].rows[0, 1].exp(), noise))

    return Known(
        recipe=method("interval")(), what=f"{CONSTANT}, and the deviation of the ratings around it", distance=distance
    )


def _thumbs(recipe: Recipe, moved: Tensor, share: Tensor) -> float:
    """How far the probability that an answer is liked is from the truth at most, with the log-odds moved back."""
    labels = torch.tensor([1.0, 0.0]).repeat(len(ANSWERS)).unsqueeze(-1)
    often = torch.stack([liked(), 1 - liked()], -1).flatten() / len(ANSWERS)
    said = {"liked_share": share.expand(len(labels))}
    found = from_population(recipe, ALONE.repeat_interleave(2, 0), often, labels=labels, beside=said, steps=400)
    return float(((found["reward"].table[0].detach() - moved).sigmoid() - liked()).abs().max())


def p_love(up: float = 3.0, down: float = 0.5) -> Known:
    """The log-odds are moved by those of the weights."""
    moved = torch.tensor(up / down).log()
    return Known(
        recipe=method("p-love")(liked=up, disliked=down),
        what="the probability that people like each answer, with the log-odds moved by those of the weights",
        distance=lambda r: _thumbs(r, moved, liked().mean()),
    )


def balanced() -> Known:
    """The log-odds are moved by those of the share of liked answers."""
    return Known(
        recipe=method("p-love-balanced")(),
        what="the probability that people like each answer, with the log-odds moved by those of all of them",
        distance=lambda r: _thumbs(r, -liked().mean().logit(), liked().mean()),
    )


def _embedding(planes: int) -> Tensor:
    source = torch.Generator().manual_seed(5)
    return torch.randn(len(ANSWERS), 2 * planes, generator=source, dtype=torch.float64)


def _circling(v: Tensor) -> Tensor:
    """How far the first answer of every pair lies ahead of the second, going round."""
    first, second = v[PAIRS[:, 0]], v[PAIRS[:, 1]]
    return (first[:, 0::2] * second[:, 1::2] - first[:, 1::2] * second[:, 0::2]).sum(-1)


def _preferred(recipe: Recipe, ahead: Tensor) -> float:
    """How far the probability of a preference is from people's at most, over all pairs."""
    table = from_population(recipe, *chosen(ahead.sigmoid()), steps=400)["reward"].table[0].detach()
    both = torch.stack([table[PAIRS[:, 0]], table[PAIRS[:, 1]]], 1)
    found = (-recipe.objective[0].objective({"scores": both})).exp()
    return float((found - ahead.sigmoid()).abs().max())


def general_preference() -> Known:
    """People who go round in circles in two planes."""
    return Known(
        recipe=method("general-preference")(planes=2),
        what="how often people prefer each answer to each other, going round in circles in two planes",
        distance=lambda r: _preferred(r, _circling(_embedding(2))),
    )


def hybrid_preference() -> Known:
    """People who have a reward, and go round in circles beside it."""
    return Known(
        recipe=method("hybrid-preference")(planes=1),
        what="how often people with a reward prefer each answer to each other, going round in circles beside it",
        distance=lambda r: _preferred(r, apart() + _circling(_embedding(1))),
    )


def _turned(share: float, pairs: Tensor = PAIRS) -> Tensor:
    """How often the first answer of every pair is recorded as the better one."""
    first = apart(pairs=pairs).sigmoid()
    return (1 - share) * first + share * (1 - first)


def known_flips(flips: float = 0.2) -> Known:
    """People of whom some are turned round."""
    return Known(
        recipe=method("known-flips")(flips=flips),
        what=f"{CONSTANT}, from choices of which a fifth are turned round",
        distance=lambda r: off(from_population(r, *chosen(_turned(flips)))),
    )


def annotator_flips(shares: tuple[float, ...] = (0.02, 0.25, 0.8)) -> Known:
    """Three people, of whom one is mostly turned round."""
    some = PAIRS[::4]
    answers, _ = chosen(apart(pairs=some), some)
    often = torch.cat([chosen(_turned(share, some), some)[1] for share in shares]) / len(shares)
    who = torch.arange(1, 1 + len(shares)).repeat_interleave(len(answers))

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, answers.repeat(len(shares), 1), often, beside={"who": who}, steps=400)
        begin = torch.tensor(0.1).logit()
        return off(found, ((found["people"].rows[1:, 0] + begin).sigmoid(), torch.tensor(shares)))

    return Known(
        recipe=method("annotator-flips")(),
        what=f"{CONSTANT}, and how often each of three people is turned round, one of them mostly",
        distance=distance,
    )


CASES: dict[str, Callable[[], Known]] = {
    "annotator-flips": annotator_flips,
    "bradley-terry-margin": margin,
    "bradley-terry-smooth": smooth,
    "bradley-terry-soft": soft,
    "davidson": davidson,
    "general-preference": general_preference,
    "hybrid-preference": hybrid_preference,
    "interval": interval,
    "known-flips": known_flips,
    "ordinal": ordinal,
    "p-love": p_love,
    "p-love-balanced": balanced,
    "ranking": ranking,
    "rao-kupper": rao_kupper,
}

KNOWN_LIKELIHOODS: dict[str, Callable[[], Verdict]] = verdicts(CASES)
"""How each of them is verified."""
