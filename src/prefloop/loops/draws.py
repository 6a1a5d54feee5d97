"""What `draws` of a recipe adds to groups: answers of a frozen model, put last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..recipe import Recipe
from ..sampling.frozen import Drawer
from ..text import Group
from .judged import in_tokens


def with_draws(
    recipe: Recipe, groups: Sequence[Group], networks: Mapping[str, Any], drawer: Drawer, *, seed: int, reader: Any
) -> Sequence[Group]:
    """The groups with the answers that a recipe has a frozen model add, in the tokens of the `reader`."""
    draws = recipe.draws
    if draws is None:
        return groups
    generator = drawer(networks[draws.by])
    drawn = generator.sample([g.prompt for g in groups], k=draws.k, decoding=draws.decoding, seed=seed)
    return [
        replace(g, responses=(*g.responses, *more.responses))
        for g, more in zip(groups, in_tokens(drawn, reader), strict=True)
    ]


def calibrated(recipe: Recipe, groups: Sequence[Group]) -> dict[str, Tensor]:
    """The tensor of this name, which marks what `with_draws` added; none where nothing is added."""
    if recipe.draws is None:
        return {}
    marks = torch.zeros(len(groups), max(len(g.responses) for g in groups))
    for row, group in zip(marks, groups, strict=True):
        row[len(group.responses) - recipe.draws.k : len(group.responses)] = 1
    return {"calibrated": marks}
