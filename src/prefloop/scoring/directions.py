"""A person's taste as a direction among several rewards, said in the prompt: what a policy is told, and is paid by."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..binding import Bound
from ..errors import DataError
from ..models.encode import instructed
from ..prompts import Prompts
from ..text import Group, Prompt
from .told import paid_by_name, told

_BEGIN = "Answer so that this rating is as high as it can be: "
_SAID = re.compile(rf"{re.escape(_BEGIN)}([^\n.]+)\.(?:\n\n|\Z)")
_PART = re.compile(r"(-?\d+) x ([^+]+?)(?: \+ |\Z)")


def with_direction(prompt: Prompt, direction: Mapping[str, float]) -> Prompt:
    """The prompt, told in which direction of the named rewards it is to be answered.

    Only the direction counts: it is made a unit vector and said in whole hundredths, as a system message or before
    plain text. So does directional preference alignment (DPA, Wang et al. 2024, arXiv 2402.18571), in words of its own.

    Raises:
        DataError: the direction has no length, or a name with a `+`, a full stop or a line break.

    >>> with_direction(Prompt(text="Hi"), {"kind": 3.0, "brief": -4.0}).text.splitlines()[0]
    'Answer so that this rating is as high as it can be: 60 x kind + -80 x brief.'
    """
    length = math.sqrt(sum(x * x for x in direction.values()))
    wrong = [name for name in direction if not name.strip() or name != name.strip() or re.search(r"[+.\n]", name)]
    if not (0 < length < math.inf) or wrong:
        raise DataError(
            f"{dict(direction)} is no direction among rewards: give each name, without + or full stop, a finite "
            "number, not all of them 0."
        )
    parts = " + ".join(f"{round(100 * x / length)} x {name}" for name, x in direction.items())
    return instructed(prompt, f"{_BEGIN}{parts}.")


def direction_of(prompt: Prompt) -> tuple[dict[str, float], Prompt]:
    """The direction, a unit vector by name, that `with_direction` said, and the prompt as it was before.

    Raises:
        DataError: it says none.

    >>> direction_of(with_direction(Prompt(text="Hi"), {"kind": 3.0, "brief": -4.0}))[0]
    {'kind': 0.6, 'brief': -0.8}
    """
    found = told(prompt, _SAID)
    if found is None:
        raise DataError(f"the prompt {prompt.shown[:80]!r} says no direction: put one there with `with_direction`.")
    said, before = found
    parts = {name: float(x) for x, name in _PART.findall(said[1])}
    length = math.sqrt(sum(x * x for x in parts.values()))
    return {name: x / length for name, x in parts.items()}, before


def directions(names: tuple[str, str], *, count: int, widest: float = 45.0) -> list[dict[str, float]]:
    """So many directions between two rewards, evenly from `widest` degrees on one side of the first to the other.

    >>> [round(v["brief"], 2) for v in directions(("kind", "brief"), count=3)]
    [-0.71, 0.0, 0.71]
    """
    turns = [math.radians(widest * (2 * i / (count - 1) - 1)) for i in range(count)] if count > 1 else [0.0]
    return [{names[0]: math.cos(turn), names[1]: math.sin(turn)} for turn in turns]


def everybodys_and(dimensions: int) -> tuple[str, ...]:
    """Names for a reward that everybody shares, and for so many that people differ in.

    >>> everybodys_and(2)
    ('everybody', 'way 1', 'way 2')
    """
    return ("everybody", *(f"way {d}" for d in range(1, dimensions + 1)))


def with_person(prompt: Prompt, z: Sequence[float]) -> Prompt:
    """The prompt, told whom it is to be answered for: somebody whose latent vector is z.

    A reward that is linear in z, r_0 + sum_d z_d r_d, goes in the direction (1, z) among everybody's reward and the
    ways in which people differ, so that a person is said as a direction is (`with_direction`), in whole hundredths: a
    number of z is off by at most about 0.005 (1 + |z|)^2.

    Raises:
        DataError: z is so long that nothing is left of everybody's reward.

    >>> with_person(Prompt(text="Hi"), (0.75,)).text.splitlines()[0]
    'Answer so that this rating is as high as it can be: 80 x everybody + 60 x way 1.'
    """
    said = with_direction(prompt, dict(zip(everybodys_and(len(z)), (1.0, *z), strict=True)))
    person_of(said)
    return said


def person_of(prompt: Prompt) -> tuple[tuple[float, ...], Prompt]:
    """The vector z of the person that `with_person` told, and the prompt as it was before.

    Raises:
        DataError: it tells of none.

    >>> [round(x, 2) for x in person_of(with_person(Prompt(text="Hi"), (0.75,)))[0]]
    [0.75]
    """
    way, before = direction_of(prompt)
    names = everybodys_and(len(way) - 1)
    if tuple(way) != names or not way[names[0]] > 0:
        raise DataError(
            f"the prompt {prompt.shown[:80]!r} tells of nobody: tell of a person by `with_person`, by a z that is "
            "shorter than 200."
        )
    return tuple(way[name] / way[names[0]] for name in names[1:]), before


def for_people(prompts: Prompts, people: Collection[Sequence[float]]) -> Prompts:
    """Every prompt, told of each of the people by their z, and held out for all of them where it was held out.

    >>> told = for_people(Prompts(train=(Prompt(text="Hi"),), held_out=(Prompt(text="Ho"),)), [(0.75,), (-0.75,)])
    >>> len(told.train), [round(person_of(prompt)[0][0], 2) for prompt in told.held_out]
    (2, [0.75, -0.75])
    """
    train, held_out = (
        tuple(with_person(p, z) for p in some for z in people) for some in (prompts.train, prompts.held_out)
    )
    return Prompts(train=train, held_out=held_out)


def directed(groups: Sequence[Group], *, reward: Bound, names: tuple[str, ...], model: Any = None) -> Tensor:
    """What each response is paid in the direction that its prompt says (P K).

        reward = sum_d v_d r_d(x, y)        v the unit vector in the prompt, x the prompt without it

    Directional preference alignment (DPA, Wang et al. 2024, arXiv 2402.18571): what `dpa` pays its rejection-sampling
    fine-tuning by, on prompts that hold directions. `reward` gives a number for each of the `names`, such as a reward
    model with channels: `bind(directed, reward=bind(model_score, model="reward"), names=("kind", "brief"),
    model="reward")`. The rewards should be in units of their own deviations, or one of them decides every direction.

    Raises:
        RewardError: the reward gives another count of numbers, or a prompt says a direction among others.
        DataError: a prompt says none.
    """
    ways, before = zip(*(direction_of(g.prompt) for g in groups), strict=True)
    paid = paid_by_name(groups, before, ways, what="a direction", reward=reward, names=names, model=model)
    return torch.einsum("pkd,pd->pk", paid, torch.tensor([[way[name] for name in names] for way in ways]))
