"""What a recipe that reads degrees has beside every pair: the preferred answer, saying less and less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..batch import Batch
from ..feedback.key_content import degraded
from ..text import Group, Response
from .judged import in_tokens

_PAIR = 2
_NONE = Response(text="")


def with_degrees(groups: Sequence[Group], degrees: int, *, reader: Any) -> Sequence[Group]:
    """The groups with their preferred answer at the degrees 1 to `degrees` - 1 after the pair, in the reader's tokens.

    They are tokens that nobody chose (`mask` 0), so that they are read and no other objective learns from them. A
    degree that the answer does not have is a missing response. With `degrees` 0 the groups stay as they are.
    """
    if not degrees:
        return groups
    return [_with(group, degraded(group.texts[0], degrees)[1:], reader) for group in groups]


def _with(group: Group, texts: Sequence[str | None], reader: Any) -> Group:
    finish = group.responses[0].finish
    some = tuple(Response(text=text, finish=finish) for text in texts if text is not None)
    [read] = in_tokens([Group(prompt=group.prompt, responses=some)], reader)
    lesser = iter(replace(r, mask=(0,) * len(r.ids)) for r in read.responses)
    responses = (*group.responses, *(_NONE if text is None else next(lesser) for text in texts))
    # What people said of each answer stays readable; of these nobody said anything.
    labels = (*group.labels, *(0.0 for _ in texts)) if group.labels else ()
    return replace(group, responses=responses, labels=labels)


def degree(batch: Batch, degrees: int) -> dict[str, Tensor]:
    """The tensor of this name, of what `with_degrees` made; none where nothing is asked."""
    if not degrees:
        return {}
    found = torch.full_like(batch.lengths, -1)
    found[:, 0] = 0
    found[:, _PAIR : _PAIR + degrees - 1] = torch.arange(1, degrees)
    return {"degree": torch.where(batch.lengths > 0, found, -1)}
