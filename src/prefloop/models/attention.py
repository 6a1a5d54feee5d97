"""Attention over one packed row of tokens: every prompt once, every response beside it, no padding.

A prompt is a trunk and its K responses are branches. On the single token axis they lie end to end,

    trunk 0, branch 0.0, branch 0.1, ..., trunk 1, branch 1.0, ...

Rows that share a prompt share its trunk, and rows that share a response its branch: each is laid out once. A trunk
attends to itself, causally; a branch to its trunk and to itself. Rotary positions are those each sequence would have
had alone, so a stock transformers decoder computes exactly what it computes for one sequence at a time.
The decoder finds this attention through transformers' own interface, under the name `prefloop`; what is packed how
travels beside the tensors as a `tree` argument. The sampler's cache is another such tree (`sampling/cache.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from ..errors import ModelError
from .pieces import Piece, attention, pieces

NAME = "prefloop"


class Tree(Protocol):
    """What is packed on the token axis, and who may look at whom."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None) -> Tensor:
        """Attention of one layer: `q` (H N d) over `k`, `v` (H' N d), giving (N H d)."""
        ...


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    tree: Tree | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    if tree is None:
        raise ModelError("this model is set up for prefloop's packed forward: call `Decoder.outputs`, or load it anew.")
    if softcap is not None:
        raise ModelError(f"{type(module).__name__} caps its attention logits, which the packed forward does not do.")
    out = tree.attend(module.layer_idx, query[0], key[0], value[0], scaling, sliding_window)
    return out.unsqueeze(0), None


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, lambda *_, **__: None)


class Packed:
    """Trunks and branches end to end.

    `positions` (N) are the rotary positions. `slot` (B, longest) is where each token of each branch lies on the packed
    axis and `before` where its predecessor lies, the token whose hidden state predicts it; both are 0 where the branch
    has no such token (`exists` is False). Branches that are the same point at the same slots. `stems` (P) is where each
    trunk ends.
    """

    def __init__(self, trunks: Sequence[Tensor], lengths: Tensor, same: Tensor | None = None) -> None:
        """Lay out `trunks` (P ragged rows of ids) and branches of these `lengths` (P K).

        What equals an earlier part, by `same` (P 1+K, see `Batch.same`), is not laid out again; without it everything
        is.
        """
        prompts, width = lengths.shape
        trunk = torch.tensor([len(t) for t in trunks])
        if bool((trunk == 0).any()):
            raise ModelError("a prompt without any token cannot be continued: there is nothing to predict from.")
        self._pieces: dict[tuple[int | None, torch.dtype], list[Piece]] = {}
        flat = lengths.flatten()
        self._owner = owner = torch.arange(prompts).repeat_interleave(width)
        # Start of every part on the packed axis, parts in the order trunk, branch, branch, ...
        parts = torch.cat([trunk[:, None], lengths], dim=1)
        place = torch.arange(parts.numel()).view_as(parts)
        same = place if same is None else same
        first = same == place
        self._roots, self._leaves = first[:, 0], first[:, 1:].flatten()
        laid = place[first]
        trunk_of = same[:, :1].expand_as(same)[first]
        laid = laid[trunk_of.argsort(stable=True)]  # a later row's branches lie behind the trunk it shares
        size = parts.flatten()[laid]
        starts = torch.zeros(parts.numel(), dtype=torch.long)
        starts[laid] = size.cumsum(0) - size
        starts = starts[same]
        self.total = int(size.sum())
        self._lengths = _nested(size.tolist(), (laid % (width + 1) == 0).tolist())
        trunk_start, branch_start = starts[:, 0], starts[:, 1:].flatten()
        self.stems = trunk_start + trunk - 1

        step = torch.arange(int(flat.max()) if flat.numel() else 0)
        self.exists = step < flat[:, None]
        self.slot = torch.where(self.exists, branch_start[:, None] + step, 0)
        previous = torch.where(step == 0, (trunk_start + trunk - 1)[owner][:, None], branch_start[:, None] + step - 1)
        self.before = torch.where(self.exists, previous, 0)

        root = torch.arange(int(trunk.max()))
        self._in_trunk = root < trunk[:, None]
        self._trunk_slot = torch.where(self._in_trunk, trunk_start[:, None] + root, 0)
        self.positions = torch.zeros(self.total, dtype=torch.long)
        self.positions[self._trunk_slot[self._in_trunk]] = root.expand(prompts, -1)[self._in_trunk]
        branch_position = trunk[owner][:, None] + step
        self.positions[self.slot[self.exists]] = branch_position[self.exists]

    def pack(self, trunks: Sequence[Tensor], ids: Tensor) -> Tensor:
        """Token ids on the packed axis, from the trunks and the branches' ids (P K T)."""
        packed = torch.zeros(self.total, dtype=torch.long)
        packed[self._trunk_slot[self._in_trunk]] = torch.cat(list(trunks))  # equal parts write equal tokens
        flat = ids.flatten(0, 1)[:, : self.slot.shape[1]]
        packed[self.slot[self.exists]] = flat[self.exists]
        return packed

    def to(self, device: torch.device) -> Packed:
        """Move the index tensors to the model's device."""
        for name, tensor in vars(self).items():
            if isinstance(tensor, Tensor):
                setattr(self, name, tensor.to(device))
        return self

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None) -> Tensor:
        """See `Tree.attend`: piece by piece on a CPU, elsewhere in two rectangles for the fused kernels."""
        if q.device.type == "cpu":
            return attention(q, k, v, self._cut(window, q.dtype), q.shape[-1] ** -0.5 if scale is None else scale)
        return self._rectangles(q, k, v, scale, window)

    def _cut(self, window: int | None, dtype: torch.dtype) -> list[Piece]:
        """The pieces, cut once for all layers with the same window."""
        if (window, dtype) not in self._pieces:
            self._pieces[window, dtype] = pieces(*self._lengths, window=window, dtype=dtype)
        return self._pieces[window, dtype]

    @functools.cached_property
    def _branches(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Branches that are there: which, where their keys lie, and how far from each token, which sees it or not."""
        live = self.exists.any(-1) & self._leaves
        trunk, branch = self._trunk_slot[self._owner[live]], self.slot[live]
        keys = torch.cat([trunk, branch], dim=1)
        distance = self.positions[branch][:, :, None] - self.positions[keys][:, None, :]
        there = torch.cat([self._in_trunk[self._owner[live]], self.exists[live]], dim=1)
        return live, keys, distance, there[:, None, :] & (distance >= 0)

    def _rectangles(self, q: Tensor, k: Tensor, v: Tensor, scale: float | None, window: int | None) -> Tensor:
        grouped = q.shape[0] != k.shape[0]
        q, k, v = (x.transpose(0, 1) for x in (q, k, v))  # N H d

        def attend(rows: Tensor, keys: Tensor, seen: Tensor | None) -> Tensor:
            return scaled_dot_product_attention(
                q[rows].transpose(1, 2),
                k[keys].transpose(1, 2),
                v[keys].transpose(1, 2),
                attn_mask=seen,
                is_causal=seen is None,
                scale=scale,
                enable_gqa=grouped,
            ).transpose(1, 2)

        near = None
        if window is not None and window < self._trunk_slot.shape[1]:
            root = torch.arange(self._trunk_slot.shape[1], device=q.device)
            gap = root[:, None] - root
            near = (gap >= 0) & (gap < window)
        out = q.new_empty(self.total, q.shape[1], v.shape[-1])
        trunk, in_trunk = self._trunk_slot[self._roots], self._in_trunk[self._roots]
        out = out.index_put((trunk[in_trunk],), attend(trunk, trunk, near)[in_trunk])
        live, keys, distance, seen = self._branches
        if not bool(live.any()):
            return out
        if window is not None:
            seen = seen & (distance < window)
        grown = attend(self.slot[live], keys, seen.unsqueeze(1))
        there = self.exists[live]
        return out.index_put((self.slot[live][there],), grown[there])


def _nested(sizes: Sequence[int], trunk: Sequence[bool]) -> tuple[list[int], list[list[int]]]:
    """Lengths of parts end to end, of which some are a `trunk`: those of the trunks, and of the branches after each."""
    roots: list[int] = []
    branches: list[list[int]] = []
    for n, root in zip(sizes, trunk, strict=True):
        if root:
            roots.append(n)
            branches.append([])
        else:
            branches[-1].append(n)
    return roots, branches
