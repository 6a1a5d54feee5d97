"""The key-value cache of the local sampler: two more trees of packed attention (`models/attention.py`).

Each prompt is read once (`Prefill`); its keys and values are then laid out for its K responses, prompts ending at the
same column, and every decode step writes one column for the responses still running (`Decode`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ..models.attention import Packed


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
        # Columns of steps to come are not looked at before they are written.
        room = torch.zeros(len(lengths), steps, dtype=torch.bool)
        empty = torch.cat([~filled, room], dim=1).to(device)[rows]
        keys = next(iter(self.cache.values()))[0]
        self.bias = keys.new_zeros(empty.shape).masked_fill_(empty, -torch.inf)

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None) -> Tensor:
        """See `Tree.attend`."""
        keys, values = self.cache[layer]
        column = self.root + self.step
        keys[:, :, column], values[:, :, column] = k.transpose(0, 1), v.transpose(0, 1)
        near = slice(0 if window is None else max(0, column + 1 - window), column + 1)
        query = q.transpose(0, 1).reshape(len(keys), keys.shape[1], -1, q.shape[-1])  # heads of one key head together
        seen = keys[:, :, near], values[:, :, near]
        out = scaled_dot_product_attention(query, *seen, attn_mask=self.bias[:, None, None, near], scale=scale)
        return out.flatten(1, 2)

    def keep(self, going: Tensor) -> None:
        """Drop the responses that are not `going` (bool, one per response still here)."""
        if not bool(going.all()):
            self.position = self.position[going.cpu()]
            self.bias = self.bias[going]
            self.cache = {layer: (k[going], v[going]) for layer, (k, v) in self.cache.items()}

    def advance(self) -> None:
        """Move to the next column."""
        self.step += 1
        self.position = self.position + 1
