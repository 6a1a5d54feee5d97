"""The key-value cache of the local sampler: two more trees of packed attention (`models/attention.py`).

Each prompt is read once (`Prefill`); its keys and values are then laid out for its K responses, prompts ending at the
same column, and every decode step writes one column for the responses still running (`Decode`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..models.attention import Packed, dot_product


class Prefill:
    """Reads the prompts in one packed row and keeps each layer's keys and values (N H' d)."""

    def __init__(self, trunks: Sequence[Tensor]) -> None:
        """Lay out the prompts."""
        self.packed = Packed(trunks, torch.zeros(len(trunks), 1, dtype=torch.long))
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None) -> Tensor:
        """See `Tree.attend`."""
        self.kept[layer] = (k.transpose(0, 1), v.transpose(0, 1))
        return self.packed.attend(layer, q, k, v, scale, window)


class Decode:
    """One new token for each running response.

    Columns of the cache: the prompt right-aligned in the first `root` columns, then one column per decode step.
    """

    def __init__(self, prefill: Prefill, lengths: Tensor, k: int, steps: int) -> None:
        """Spread the prompts (of these `lengths`) over `k` responses each, with room for `steps` tokens."""
        self.root, self.step = int(lengths.max()), 0
        self.position = lengths.repeat_interleave(k)  # rotary position of the next token of each response
        columns = torch.arange(self.root)
        filled = columns >= self.root - lengths[:, None]
        starts = lengths.cumsum(0) - lengths
        slot = torch.where(filled, starts[:, None] + columns - (self.root - lengths)[:, None], 0)
        device = next(iter(prefill.kept.values()))[0].device
        slot, rows = slot.to(device), torch.arange(len(lengths)).repeat_interleave(k).to(device)
        self.cache: dict[int, tuple[Tensor, Tensor]] = {}
        for layer, kept in prefill.kept.items():
            both = []
            for x in kept:
                grown = x.new_zeros(len(rows), x.shape[1], self.root + steps, x.shape[2])
                grown[:, :, : self.root] = x[slot].transpose(1, 2)[rows]
                both.append(grown)
            self.cache[layer] = (both[0], both[1])
        room = torch.zeros(len(lengths), steps, dtype=torch.bool)
        self.seen = torch.cat([filled, room], dim=1).to(device)[rows]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None) -> Tensor:
        """See `Tree.attend`."""
        keys, values = self.cache[layer]
        column = self.root + self.step
        keys[:, :, column], values[:, :, column] = k.transpose(0, 1), v.transpose(0, 1)
        first = 0 if window is None else max(0, column + 1 - window)
        near = slice(first, column + 1)
        mask = self.seen[:, None, None, near].clone()
        mask[..., -1] = True
        out = dot_product(q.transpose(0, 1).unsqueeze(2), keys[:, :, near], values[:, :, near], mask, scale)
        return out.squeeze(2)

    def keep(self, going: Tensor) -> None:
        """Drop the responses that are not `going` (bool, one per response still here)."""
        if not bool(going.all()):
            self.position = self.position[going.cpu()]
            self.seen = self.seen[going]
            self.cache = {layer: (k[going], v[going]) for layer, (k, v) in self.cache.items()}

    def advance(self) -> None:
        """Close the column just written and move to the next."""
        self.seen[:, self.root + self.step] = True
        self.step += 1
        self.position = self.position + 1
