"""What policies are known to reach that are told in their prompts what is wanted of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..batch import Batch
from ..binding import bind
from ..recipe import Recipe
from ..recipes import method
from ..scoring.directions import direction_of, directions, person_of, with_direction, with_person
from ..scoring.personal import PersonalReward, fit_personal
from ..scoring.steering import attributes_of, with_attributes
from ..text import Group, Prompt
from .distance import Known, Verdict, verdicts
from .known_people import OTHER, falls
from .learn import from_population, from_samples
from .problem import PROMPT, REWARD, best_of_distribution, distribution, reference, rises, tilted, total_variation
from .tabular import ANSWERS, Digits, Policy, Tabular, answer_rows, prompt_rows

NAMES = ("rises", "falls")
"""Two rewards of every answer that it is hard to have both of."""
VALUES = torch.stack([REWARD, OTHER], -1)
"""What they are (64 2)."""


def both(groups: Sequence[Group]) -> list[list[list[float]]]:
    """What each answer is by both, which it is however it was asked for."""
    return [[[rises(PROMPT.shown, text), falls(PROMPT.shown, text)] for text in g.texts] for g in groups]


WANTED: tuple[Mapping[str, float], ...] = (
    {"rises": 0.0, "falls": 1.5},
    {"rises": 1.0, "falls": 0.5},
    {"rises": 2.0, "falls": 0.0},
)
"""Attributes that are asked for, from less of the first to more."""
SPREAD = 0.7
"""How far off the predicted attributes are taken to be."""


class Untold(Policy):
    """The reference, which reads digits alone: to say anything before them to it would fail."""

    name, tokenizer = "plain", Digits()


def asking() -> list[Prompt]:
    """A prompt for each of the attributes that are asked for."""
    return [with_attributes(Prompt(text=str(n)), wanted) for n, wanted in enumerate(WANTED)]


def posterior(wanted: Mapping[str, float], spread: float = SPREAD) -> Tensor:
    """The answers of the reference that have the attributes asked for, as a model that is so far off sees them (64):

    P(y | a) = pi_ref(y) exp(-sum_d (a_d - r_d(y))^2 / (2 spread^2)) / Z
    """
    asked = torch.tensor([wanted[name] for name in NAMES], dtype=VALUES.dtype)
    return tilted(-((VALUES - asked) / spread).square().sum(-1) / 2)


def steered(recipe: Recipe) -> Tensor:
    """The distribution for each of `asking` of a policy that learnt from its own samples (3 64)."""
    found: Tensor = from_samples(recipe, (), asking(), plain=Untold(reference().table)).log_answers().detach().exp()
    return found


def steerlm2() -> Known:
    """Three prompts that ask for more or less of two attributes."""

    def distance(recipe: Recipe) -> float:
        found = zip(steered(recipe), asking(), strict=True)
        return max(total_variation(p, posterior(attributes_of(prompt)[0])) for p, prompt in found)

    return Known(
        recipe=method("steerlm2")(names=NAMES, spread=SPREAD, reward=bind(both), k=16, batch=24, steps=250),
        what="P(a | y) pi_ref(y)/Z of three prompts that ask for more or less of two attributes, from its own samples",
        distance=distance,
    )


WAYS = directions(NAMES, count=3, widest=60.0)
"""Directions from less to more of the second reward."""


def furthest(way: Mapping[str, float], n: int = 2) -> Tensor:
    """The best of n answers of the reference in a direction (64)."""
    return best_of_distribution(n, paid=VALUES @ torch.tensor([way[name] for name in NAMES], dtype=VALUES.dtype))


def directed_to(recipe: Recipe, way: Mapping[str, float]) -> tuple[Tensor, Tensor]:
    """The policy after a round in which prompts said this direction, and what it is to be: that of the said one."""
    prompt = with_direction(PROMPT, way)
    places = torch.arange(len(ANSWERS))
    pairs = torch.cartesian_prod(places, places)
    often = distribution(reference())[pairs].prod(-1)
    found = from_population(recipe, pairs, often, prompt=prompt)["policy"]
    return distribution(found), furthest(direction_of(prompt)[0])


def dpa() -> Known:
    """Every two answers of the reference, in three directions."""

    def distance(recipe: Recipe) -> float:
        return max(total_variation(*directed_to(recipe, way)) for way in WAYS)

    return Known(
        recipe=method("dpa")(names=NAMES, reward=bind(both), k=2),
        what="the best of two answers of pi_ref in each of three directions of two rewards, by order statistics",
        distance=distance,
    )


class Features(Tabular):
    """What a frozen model reads answers by (prompts 64 D); as of `Untold`, its tokens are digits."""

    name, tokenizer, ending = "features", Digits(), ()

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `features`."""
        return {"features": self.table[prompt_rows(batch)[..., 0], answer_rows(batch["ids"])]}


PRICE = 0.15
"""Of the KL, beside rewards from 0 to 1."""
LIKING = 2.0
"""How much one group of people likes what the other dislikes: `REWARD` and -`REWARD`, so many times."""


@cache
def of_two_minds() -> PersonalReward:
    """The reward learnt from 40 judgements of each of twelve people: every second one likes what the others do not."""
    source = torch.Generator().manual_seed(3)
    pairs = torch.randint(len(ANSWERS), (12, 40, 2), generator=source)
    mind = torch.tensor([LIKING, -LIKING], dtype=VALUES.dtype).repeat(6).view(-1, 1)
    lead = (mind * (REWARD[pairs[..., 0]] - REWARD[pairs[..., 1]])).sigmoid()
    first = torch.rand(lead.shape, generator=source, dtype=lead.dtype) < lead
    judged = torch.where(first.unsqueeze(-1), pairs, pairs.flip(-1)).flatten(0, 1)
    names = [str(n) for n in range(12) for _ in range(40)]
    return fit_personal(VALUES[judged], names, dimensions=1, steps=150, lr=1e-2)


def people() -> list[Prompt]:
    """A prompt told of somebody of each mind."""
    return [with_person(Prompt(text=who), of_two_minds().people[who]) for who in ("0", "1")]


def for_the_told(groups: Sequence[Group], *, model: Any) -> Tensor:
    """What each answer is paid by the person its prompt tells of."""
    return of_two_minds().paid(groups, model=model)


def served(z: Sequence[float]) -> Tensor:
    """The best answers to somebody at this price of the KL (64): pi_ref(y) exp(scaled(y, z) / beta) / Z."""
    return tilted(of_two_minds().scaled(VALUES, z) / PRICE)


def serving(recipe: Recipe) -> Tensor:
    """The distribution for each of `people` of a policy that learnt from its own samples (2 64)."""
    found = from_samples(recipe, (), people(), reward=Features(VALUES.unsqueeze(0)))
    return found.log_answers().detach().exp()


def vpl_policy() -> Known:
    """Two people who like opposite answers."""

    def distance(recipe: Recipe) -> float:
        found = zip(serving(recipe), people(), strict=True)
        return max(total_variation(p, served(person_of(prompt)[0])) for p, prompt in found)

    return Known(
        recipe=method("vpl-policy")(reward=bind(for_the_told, model="reward"), beta=PRICE, k=16, batch=4, steps=200),
        what="pi_ref exp(scaled(y, z)/beta)/Z for each of two people who like opposite answers, from its own samples",
        distance=distance,
    )


CASES: dict[str, Callable[[], Known]] = {"dpa": dpa, "steerlm2": steerlm2, "vpl-policy": vpl_policy}

KNOWN_TOLD: dict[str, Callable[[], Verdict]] = verdicts(CASES)
"""How each of them is verified."""
