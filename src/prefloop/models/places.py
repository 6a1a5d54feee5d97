"""Whole next-token distributions of several models, compared a few places at a time.

The logits of a place are as long as the vocabulary. They are made from the final hidden states where they are read, and
made again in the backward pass, so that the memory is that of one chunk for each model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

CHUNK_ELEMENTS = 4 * 2**20  # logits of one model at a time: 16 MiB in fp32


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The places before the chosen tokens of a batch, in its order, and the head that reads what comes next there.

    hidden (R d), weight (V d), bias (V).
    """

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None = None

    def logits(self, start: int, stop: int, temperature: float) -> Tensor:
        """Logits of some places, in fp32 or better."""
        logits = linear(self.hidden[start:stop], self.weight, self.bias)
        return logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A function of the policy's logits and those of frozen models, and what it gives.

    others: the frozen models' places, by the name of their logits (`ref_logits`).
    """

    gives: str
    function: Callable[[Mapping[str, Tensor]], Tensor]
    others: Mapping[str, Places]


def compared(comparison: Comparison, own: Places, *, temperature: float = 1.0) -> Tensor:
    """What the comparison gives at every place (R), differentiable in `own`.

    >>> own = Places(hidden=torch.tensor([[2.0], [3.0]]), weight=torch.eye(1))
    >>> compared(Comparison(gives="x", function=lambda named: named["logits"].sum(-1), others={}), own)
    tensor([2., 3.])
    """
    rows = max(1, CHUNK_ELEMENTS // own.weight.shape[0])

    def chunk(start: int) -> Tensor:
        stop = start + rows
        others = {name: places.logits(start, stop, temperature) for name, places in comparison.others.items()}
        return comparison.function({"logits": own.logits(start, stop, temperature), **others})

    # One chunk of nothing where there are no places: an empty result of the right kind.
    starts = range(0, max(1, len(own.hidden)), rows)
    return torch.cat([checkpoint(chunk, start, use_reentrant=False) for start in starts])
