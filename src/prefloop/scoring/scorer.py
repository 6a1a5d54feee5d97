"""Rewards: plain functions of text, and reward models, behind one call."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..bind import Bound
from ..errors import RewardError
from ..models.decoder import Decoder
from ..text import Group


def score(scorer: Bound, groups: Sequence[Group], models: Mapping[str, Decoder]) -> Tensor:
    """The reward of every response (P K), 0 for missing ones.

    A scorer that takes `(prompt, response)` is called with the text of each; one that takes `groups` gets them all and
    returns a tensor or a list of lists. A knob `model="role"` is given the loaded model of that role.

    Raises:
        RewardError: it raised, returned something that is not a finite number, or the wrong count; names the sample.
    """
    knobs = dict(scorer.knobs)
    if isinstance(knobs.get("model"), str):
        knobs["model"] = models[knobs["model"]]
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


def _call(scorer: Bound, arguments: tuple[Any, ...], knobs: Mapping[str, Any], where: str) -> Any:
    try:
        return scorer.function(*arguments, **knobs)
    except Exception as error:
        raise RewardError(f"the reward `{scorer.name}` raised {type(error).__name__}: {error} on {where}.") from error


def _checked(scorer: Bound, groups: Sequence[Group], rows: Any) -> Tensor:
    """Rewards as a P K tensor, or an error that names the first sample they fail on."""
    rows = rows.tolist() if isinstance(rows, Tensor) else list(rows)
    if len(rows) != len(groups):
        raise RewardError(f"the reward `{scorer.name}` returned {len(rows)} rows for {len(groups)} prompts.")
    width = max(len(g.responses) for g in groups)
    rewards = torch.zeros(len(groups), width)
    for p, (group, row) in enumerate(zip(groups, rows, strict=True)):
        if len(row) < len(group.responses):
            raise RewardError(
                f"the reward `{scorer.name}` returned {len(row)} numbers for the {len(group.responses)} responses to "
                f"{group.prompt.shown!r}: it returns one for each, in order."
            )
        for k, r in enumerate(group.responses):
            number = _number(row[k])
            if number is None or not math.isfinite(number):
                raise RewardError(
                    f"the reward `{scorer.name}` returned {row[k]!r}, which is not a finite number, for the response "
                    f"{r.text!r} to {group.prompt.shown!r}: return a float for every text, also an empty one."
                )
            rewards[p, k] = number
    return rewards


def _number(x: Any) -> float | None:
    try:
        return float(x)
    except (TypeError, ValueError):
        return None
