"""Rewards: plain functions of text, and reward models, behind one call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..batch import Batch
from ..binding import Bound
from ..errors import RewardError
from ..models.decoder import Decoder
from ..text import Group


def score(scorer: Bound, groups: Sequence[Group], models: Mapping[str, Decoder]) -> Tensor:
    """The reward of every response (P K), 0 for missing ones; P K D where a scorer gives D numbers for each.

    A scorer that takes `(prompt, response)` is called with the text of each; one that takes `groups` gets them all and
    returns a tensor or a list of lists. A knob `model="role"` is given the loaded model of that role, one of several
    roles the models of them all.

    Raises:
        RewardError: it raised, returned something that is not a finite number, or the wrong count; names the sample.
            Or the D of two samples differ.
    """
    knobs = dict(scorer.knobs)
    roles = knobs.get("model")
    if isinstance(roles, str):
        knobs["model"] = models[roles]
    elif isinstance(roles, (tuple, list)):
        knobs["model"] = tuple(models[role] for role in roles)
    if scorer.inputs == ("groups",):
        return _checked(scorer, groups, _call(scorer, (groups,), knobs, f"{len(groups)} groups"))
    rows = [
        [
            _call(scorer, (g.prompt.shown, r.text), knobs, f"prompt {g.prompt.shown!r}, response {k} {r.text!r}")
            for k, r in enumerate(g.responses)
        ]
        for g in groups
    ]
    return _checked(scorer, groups, rows)


def scored(batch: Batch, scorers: Mapping[str, Bound], groups: Sequence[Group], models: Mapping[str, Decoder]) -> Batch:
    """The batch with what each of a recipe's scorers gives the groups it was made of, by name."""
    return batch.having(**{name: score(scorer, groups, models) for name, scorer in scorers.items()})


def _call(scorer: Bound, arguments: tuple[Any, ...], knobs: Mapping[str, Any], where: str) -> Any:
    try:
        return scorer.function(*arguments, **knobs)
    except Exception as error:
        raise RewardError(f"the reward `{scorer.name}` raised {type(error).__name__}: {error} on {where}.") from error


def _checked(scorer: Bound, groups: Sequence[Group], given: Any) -> Tensor:
    """Rewards as a P K or P K D tensor, or an error that names the first sample they fail on."""
    padded, rows = isinstance(given, Tensor), _list(given)
    if rows is None or len(rows) != len(groups):
        said = repr(given) if rows is None else f"{len(rows)} rows"
        raise RewardError(f"the reward `{scorer.name}` returned {said} for {len(groups)} prompts.")
    found: list[list[float | tuple[float, ...]]] = []
    for p, group in enumerate(groups):
        row, n = _list(rows[p]), len(group.responses)
        if row is None or len(row) < n or (len(row) > n and not padded):
            said = repr(rows[p]) if row is None else f"{len(row)} numbers"
            raise RewardError(
                f"the reward `{scorer.name}` returned {said} for the {n} responses to {group.prompt.shown!r}: it "
                "returns one number for each, in order."
            )
        found.append([])
        for k, r in enumerate(group.responses):
            paid = _paid(row[k])
            if paid is None or not all(map(math.isfinite, _each(paid))):
                raise RewardError(
                    f"the reward `{scorer.name}` returned {row[k]!r}, which is not a finite number, for the response "
                    f"{r.text!r} to {group.prompt.shown!r}: return a float for every text, also an empty one."
                )
            found[-1].append(paid)
            first = next(one for rewards in found for one in rewards)
            if (type(paid), len(_each(paid))) != (type(first), len(_each(first))):
                raise RewardError(
                    f"the reward `{scorer.name}` returned {paid} for the response {r.text!r} to "
                    f"{group.prompt.shown!r} and {first} before: it returns one number for every text, or the same "
                    "count of them."
                )
    several = next((one for rewards in found for one in rewards if isinstance(one, tuple)), None)
    nothing = (0.0,) * len(several) if several else 0.0
    width = max(map(len, found))
    return torch.tensor([[*rewards, *[nothing] * (width - len(rewards))] for rewards in found])


def _paid(x: Any) -> float | tuple[float, ...] | None:
    """What one response is paid: a number, or several; `None` for everything else."""
    several = _list(x)
    if several is None:
        return _number(x)
    numbers = tuple(n for one in several if (n := _number(one)) is not None)
    return numbers if numbers and len(numbers) == len(several) else None


def _each(paid: float | tuple[float, ...]) -> tuple[float, ...]:
    return paid if isinstance(paid, tuple) else (paid,)


def _list(x: Any) -> list[Any] | None:
    """A tensor, an array or a sequence as a list; `None` for everything else."""
    x = x.tolist() if hasattr(x, "tolist") else x
    return list(x) if isinstance(x, Sequence) and not isinstance(x, str) else None


def _number(x: Any) -> float | None:
    try:
        return float(x)
    except (TypeError, ValueError):
        return None
