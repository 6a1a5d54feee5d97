"""What reward models that say how sure they are are known to find, from all that people say, as often as they do.

The members of an ensemble are given what different people say, and each has to find its own people's reward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..binding import bind
from ..recipe import Recipe
from ..recipes import method
from ..text import Group
from .distance import PAIRS, Known, Verdict, verdicts
from .learn import from_population
from .pairwise import apart, chosen
from .problem import REWARD, total_variation
from .tabular import ANSWERS, answer_rows

_WAYS = (1.0, 0.5, -0.5)
"""How much of the reward the people of each member have in mind."""


def head_ensemble() -> Known:
    """Members whose bootstraps hold the choices of other people each."""
    answers, often = chosen(torch.full((len(PAIRS),), 0.5))
    drawn = torch.stack([chosen((way * apart()).sigmoid())[1] / often for way in _WAYS], -1)

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, answers, often, beside={"resampled": drawn})["reward"].table[0].detach()
        return max(total_variation(found[:, d].softmax(-1), (way * REWARD).softmax(-1)) for d, way in enumerate(_WAYS))

    return Known(
        recipe=method("head-ensemble")(members=len(_WAYS)),
        what="of every member the reward, up to a constant, of the people whose choices its bootstrap holds",
        distance=distance,
    )


def others(count: int = 3) -> Tensor:
    """Rewards (64 D) that the voters have in mind."""
    source = torch.Generator().manual_seed(6)
    return torch.randn(len(ANSWERS), count, generator=source, dtype=REWARD.dtype)


def lora_ensemble(diversity: float = 0.002) -> Known:
    """Two members whose people's rewards s and t, less their means, are at right angles.

    There the slope of the nuclear norm of both side by side is s / |s| and t / |t|, and the sum over j of s_i - s_j is
    64 s_i. So at s the pull of the norm is outweighed by people who choose i over j with the probability
    sigmoid(s_i - s_j) - c (s_i - s_j), where 64 c |s| / #pairs = 2 diversity; the 2 are the members.
    """
    first = (REWARD - REWARD.mean()) / 2
    second = others(1).squeeze(-1) - others(1).mean()
    second = second - first * (second @ first) / (first @ first)
    rest = torch.stack([first, second], -1)
    less = 2 * diversity * len(PAIRS) / (len(ANSWERS) * rest.norm(dim=0))
    answers, often = chosen(torch.full((len(PAIRS),), 0.5))
    leads = [apart(r) for r in rest.T]
    says = [chosen(lead.sigmoid() - c * lead)[1] for lead, c in zip(leads, less, strict=True)]
    drawn = torch.stack([said / often for said in says], -1)

    def distance(recipe: Recipe) -> float:
        found = from_population(recipe, answers, often, beside={"resampled": drawn})["reward"].table[0].detach()
        return max(total_variation(found[:, d].softmax(-1), rest[:, d].softmax(-1)) for d in range(2))

    return Known(
        recipe=method("lora-ensemble")(members=2, diversity=diversity),
        what="the rewards at which the choices of each member's people and the pull of the nuclear norm cancel",
        distance=distance,
    )


def noisy() -> Tensor:
    """How often people prefer the first answer of each pair whose rewards are seen through a Gaussian noise."""
    noise = torch.linspace(0.0, 3.0, 64, dtype=REWARD.dtype)[
        torch.randperm(64, generator=torch.Generator().manual_seed(0))
    ]
    spread = noise[PAIRS].square().sum(-1).sqrt()
    z = torch.linspace(-10, 10, 4001, dtype=REWARD.dtype)
    return (apart().unsqueeze(-1) + spread.unsqueeze(-1) * z).sigmoid() @ (-z.square() / 2).softmax(0)


def gaussian_reward() -> Known:
    """People to whom some answers seem now better and now worse."""
    often = noisy()

    def distance(recipe: Recipe) -> float:
        table = from_population(recipe, *chosen(often), steps=250)["reward"].table[0].detach()
        both = torch.stack([table[PAIRS[:, 0]], table[PAIRS[:, 1]]], 1)
        found = (-recipe.objective[0].objective({"scores": both})).exp()
        return float((found - often).abs().max())

    return Known(
        recipe=method("gaussian-reward")(heads=1),
        what="how often people prefer each answer to each other, who see some answers through a wider noise",
        distance=distance,
    )


def by_table(groups: Sequence[Group], *, table: Tensor) -> Tensor:
    """What reward models that are tables (64 D) pay every answer."""
    return table[torch.tensor([[answer_rows(torch.tensor(r.ids)) for r in g.responses] for g in groups])]


def paying(recipe: Recipe, table: Tensor) -> Recipe:
    """The recipe with tables (64 D, or 64) in place of the reward models it is paid by."""
    return replace(recipe, score={"reward": bind(by_table, table=table)})


def _fitted(recipe: Recipe, target: Tensor, answers: Tensor, often: Tensor) -> float:
    """How far softmax(score) is from that of a target."""
    found = from_population(recipe, answers, often)["reward"].table[0].detach()
    return total_variation(found.softmax(-1), target.softmax(-1))


def voted_margin() -> Known:
    """A wider lead is asked of both orders of a pair, by the voters' lead and by its opposite, and is given."""
    table = others()
    return Known(
        recipe=paying(method("voted-margin")(), table),
        what="the people's reward plus the mean of the voters', up to a constant, since both orders ask for their lead",
        distance=lambda r: _fitted(r, REWARD + table.mean(-1), *chosen(apart().sigmoid())),
    )


def voted_soft() -> Known:
    """What the people said does not matter any more."""
    table = others()
    return Known(
        recipe=paying(method("voted-soft")(), table),
        what="the mean of the voters' rewards up to a constant, whatever people chose",
        distance=lambda r: _fitted(r, table.mean(-1), *chosen(apart().sigmoid())),
    )


def voted_flips(every: int = 10) -> Known:
    """Of every tenth pair the voters think the recorded order wrong, whichever it is."""
    answers, often = chosen(apart().sigmoid())
    wrong = torch.arange(len(PAIRS)).remainder(every).eq(0).repeat(2)
    recorded = torch.where(wrong.unsqueeze(-1), answers.flip(1), answers)

    def paid(groups: Sequence[Group], *, leads: Tensor) -> Tensor:
        return torch.stack([leads, torch.zeros_like(leads)], 1).unsqueeze(-1)

    share = float(wrong.double().mean())
    recipe = method("voted-flips")(share=share + 0.5 / len(answers))
    return Known(
        recipe=replace(recipe, score={"reward": bind(paid, leads=torch.where(wrong, -1.0, 1.0).to(REWARD))}),
        what="the people's reward up to a constant, every tenth pair recorded the wrong way, which voters know",
        distance=lambda r: _fitted(r, REWARD, recorded, often),
    )


def vrpo_reward() -> Known:
    """Beside every judged pair stand two draws, which are the two of another pair, so that all are drawn as often."""
    table = others(1).squeeze(-1)
    answers, often = chosen(apart().sigmoid())
    drawn = PAIRS[torch.randperm(len(PAIRS), generator=torch.Generator().manual_seed(7))].repeat(2, 1)
    return Known(
        recipe=paying(method("vrpo-reward")(draws=2), table),
        what="the people's reward up to a constant, though the reward beside it knows nothing of it",
        distance=lambda r: _fitted(r, REWARD, torch.cat([answers, drawn], 1), often),
    )


CASES: dict[str, Callable[[], Known]] = {
    "gaussian-reward": gaussian_reward,
    "head-ensemble": head_ensemble,
    "lora-ensemble": lora_ensemble,
    "voted-flips": voted_flips,
    "voted-margin": voted_margin,
    "voted-soft": voted_soft,
    "vrpo-reward": vrpo_reward,
}

KNOWN_SURE: dict[str, Callable[[], Verdict]] = verdicts(CASES)
"""How each of them is verified."""
