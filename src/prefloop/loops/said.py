"""What people said, as the tensors that a recipe reads beside the order of the answers."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from ..models.table import Table
from ..planning import Plan
from ..recipe import Recipe
from ..text import Group
from .seeds import seed_of

NOBODY = math.nan
"""Stands where nobody said anything."""


def said(
    groups: Sequence[Group], shape: torch.Size, recipe: Recipe, needs: Plan, networks: Mapping[str, Any]
) -> dict[str, Tensor]:
    """What people said of the groups beside an order, in their tokens (P K T): the tensors of `JUDGED` the plan names.

    Every table of the networks learns to know the people.

    Raises:
        DataError: nobody said anything of a channel that the recipe learns, or of any part of an answer, or the same of
            all parts; one person said everything, where people are told apart.
    """
    found: dict[str, Tensor] = {}
    if "tied" in needs.judged:
        found["tied"] = torch.tensor([float(g.target == 0.5) for g in groups])
    if "liked_share" in needs.judged:
        liked = [label > 0 for g in groups for label in g.labels]
        found["liked_share"] = torch.full((len(groups),), sum(liked) / len(liked))
    if "who" in needs.judged:
        if any("traits" in given for given in needs.outputs.values()):
            _must_be_several(groups, recipe)
        tables = [n for n in networks.values() if isinstance(n, Table) and n.apart]
        for table in tables:
            table.know({g.who for g in groups})
        everybody = tables[0].number if tables else sorted({g.who for g in groups}).index
        found["who"] = torch.tensor([everybody(g.who) for g in groups])
    if "aspect" in needs.judged:
        [role] = [role for role, tensors in needs.outputs.items() if "scores" in tensors]
        found["aspect"] = _aspects(groups, shape, recipe.models[role].channels)
    if "resampled" in needs.judged:
        [role] = [role for role, tensors in needs.outputs.items() if "scores" in tensors]
        found["resampled"] = bootstraps(len(groups), recipe.models[role].channels, recipe.seed)
    if "token_label" in needs.judged:
        found["token_label"] = marked(groups, shape, networks[next(iter(needs.outputs))].tokenizer)
        _must_differ(found["token_label"], recipe)
    return found


def bootstraps(rows: int, members: Sequence[str], seed: int) -> Tensor:
    """How often each member's own bootstrap, as many draws with replacement as there are rows, drew each (rows D).

    >>> bootstraps(100, ("1", "2"), 0).sum(0)
    tensor([100., 100.])
    """
    drawn = [
        torch.randint(rows, (rows,), generator=torch.Generator().manual_seed(seed_of(seed, "bootstrap", member)))
        for member in members
    ]
    return torch.stack([row.bincount(minlength=rows) for row in drawn], -1).float()


def _must_be_several(groups: Sequence[Group], recipe: Recipe) -> None:
    known = sorted({g.who for g in groups} - {""})
    if len(known) < 2:
        whom = f"only {known[0]} judged these answers" if known else "nobody knows who judged these answers"
        raise DataError(
            f"`{recipe.name}` learns how people differ, and {whom}: give judgements of several people, each by name "
            'in `who` (a feedback store keeps it; in Python Group(..., who="ada")), or take a method that needs none, '
            "such as `bradley-terry`."
        )


def _aspects(groups: Sequence[Group], shape: torch.Size, channels: Sequence[str]) -> Tensor:
    table = torch.full((*shape[:2], len(channels)), NOBODY)
    for p, group in enumerate(groups):
        for d, channel in enumerate(channels):
            for k, number in enumerate(group.aspects.get(channel, ())):
                table[p, k, d] = NOBODY if number is None else number
    for d, channel in enumerate(channels):
        if bool(table[..., d].isnan().all()):
            rated = sorted({name for g in groups for name in g.aspects}) or ["nothing"]
            raise DataError(
                f"nobody has rated `{channel}`, which is to be learnt: leave the channel out, or add ratings of it. "
                f"What was rated: {', '.join(rated)}."
            )
    return table


def marked(groups: Sequence[Group], shape: torch.Size, tokenizer: Any) -> Tensor:
    """What people said of the parts of answers in these tokens (P K T), at the token that ends each; NaN elsewhere.

    Raises:
        DataError: nobody has judged a part.
    """
    labels = torch.full(tuple(shape), NOBODY)
    for p, group in enumerate(groups):
        ends = {}
        for mark in group.marks:
            if mark.response not in ends:
                ends[mark.response] = _ends(group, mark.response, tokenizer)
            last = len(ends[mark.response]) - 1  # -1 of an answer without a token, of which there is nothing to say
            if last >= 0:
                labels[p, mark.response, min(bisect_left(ends[mark.response], mark.end), last)] = mark.value
    if bool(labels.isnan().all()):
        raise DataError(
            "nobody has judged a part of any answer, and this is learnt from judgements of steps or sentences: give "
            "the groups marks, Group(..., marks=(Mark(response=0, end=12, value=1.0),))."
        )
    return labels


def _must_differ(labels: Tensor, recipe: Recipe) -> None:
    neutral = float(recipe.objective[0].objective.knobs.get("neutral", 0.5))
    said = labels[~labels.isnan()]
    classes = set(torch.where(said == 0.5, neutral, said).tolist())
    if classes in ({0.0}, {1.0}):
        what = "right" if classes == {1.0} else "wrong"
        raise DataError(
            f"all {len(said)} parts of answers that `{recipe.name}` was given are {what}, and it learns from the "
            "difference: add answers of which others are not, or say which marks count as errors (`about`)."
        )


def _ends(group: Group, k: int, tokenizer: Any) -> list[int]:
    """How many characters of an answer are there after each of its tokens.

    The tokens may not be those that the text gives when it is encoded anew, so that they are counted as they are.
    """
    ids = list(group.responses[k].ids)
    return [len(tokenizer.decode(ids[: n + 1], skip_special_tokens=True)) for n in range(len(ids))]
