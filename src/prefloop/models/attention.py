"""Attention over one packed row of tokens: every prompt once, every response beside it, no padding.

A prompt is a trunk and its K responses are branches. On the single token axis they lie end to end,

    trunk 0, branch 0.0, branch 0.1, ..., trunk 1, branch 1.0, ...

A trunk attends to itself, causally; a branch to its trunk and to itself. Rotary positions are those each sequence
would have had alone, so a stock transformers decoder computes exactly what it computes for one sequence at a time.
The decoder finds this attention through transformers' own interface, under the name `prefloop`; what is packed how
travels beside the tensors as a `tree` argument. The sampler's cache is another such tree (`sampling/cache.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from ..errors import ModelError

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


_SMALL = 4 * 2**20
"""Up to so many scores a head-batch is multiplied out: below it, fused attention costs more than it saves on a CPU."""


def dot_product(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float | None) -> Tensor:
    """Scaled dot-product attention with grouped queries: `q` (B H n d) over `k`, `v` (B H' m d).

        softmax(q k^T * scale + mask) v

    `mask` is True where a key is seen; without one it is causal.
    """
    batch, heads, n, width = q.shape
    groups, m = k.shape[1], k.shape[2]
    if q.device.type != "cpu" or batch * heads * n * m > _SMALL:
        return scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=heads != groups
        )
    seen = mask if mask is not None else torch.ones(n, m, dtype=torch.bool).tril()
    folded = q.reshape(batch, groups, heads // groups * n, width)
    scores = (folded @ k.transpose(-1, -2)).view(batch, groups, heads // groups, n, m)
    scores = scores.mul(width**-0.5 if scale is None else scale)
    scores = scores.masked_fill(~(seen.unsqueeze(2) if seen.dim() == 4 else seen), -torch.inf)
    share = scores.softmax(-1, dtype=torch.promote_types(q.dtype, torch.float32)).to(v.dtype)
    return (share.view(batch, groups, heads // groups * n, m) @ v).view(batch, heads, n, v.shape[-1])


class Packed:
    """Trunks and branches end to end.

    `positions` (N) are the rotary positions. `slot` (B, longest) is where each token of each branch lies on the packed
    axis and `before` where its predecessor lies, the token whose hidden state predicts it; both are 0 where the branch
    has no such token (`exists` is False).
    """

    def __init__(self, trunks: Sequence[Tensor], lengths: Tensor) -> None:
        """Lay out `trunks` (P ragged rows of ids) and branches of these `lengths` (P K)."""
        prompts, width = lengths.shape
        trunk = torch.tensor([len(t) for t in trunks])
        if bool((trunk == 0).any()):
            raise ModelError("a prompt without any token cannot be continued: there is nothing to predict from.")
        flat = lengths.flatten()
        owner = torch.arange(prompts).repeat_interleave(width)
        # Start of every piece on the packed axis, pieces in the order trunk, branch, branch, ...
        pieces = torch.cat([trunk[:, None], lengths], dim=1).flatten()
        starts = (pieces.cumsum(0) - pieces).view(prompts, width + 1)
        self.total = int(pieces.sum())
        trunk_start, branch_start = starts[:, 0], starts[:, 1:].flatten()

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

        # Branches that are there, and what each of their tokens sees: its whole trunk, and itself so far.
        self._live = flat > 0
        owner, self._branch_slot = owner[self._live], self.slot[self._live]
        self._keys = torch.cat([self._trunk_slot[owner], self._branch_slot], dim=1)
        causal = step[:, None] >= step
        seen = self._in_trunk[owner][:, None, :].expand(-1, len(step), -1)
        self._seen = torch.cat([seen, causal.expand(len(owner), -1, -1)], dim=2)
        self._distance = branch_position[self._live][:, :, None] - torch.cat(
            [root.expand(len(owner), -1), branch_position[self._live]], dim=1
        ).unsqueeze(1)

    def pack(self, trunks: Sequence[Tensor], ids: Tensor) -> Tensor:
        """Token ids on the packed axis, from the trunks and the branches' ids (P K T)."""
        packed = torch.zeros(self.total, dtype=torch.long)
        packed[self._trunk_slot[self._in_trunk]] = torch.cat(list(trunks))
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
        """See `Tree.attend`."""
        heads = q.shape[0]
        q, k, v = (x.transpose(0, 1) for x in (q, k, v))  # N H d
        out = q.new_empty(self.total, heads, v.shape[-1])
        near = None
        if window is not None and window < self._trunk_slot.shape[1]:
            root = torch.arange(self._trunk_slot.shape[1], device=q.device)
            gap = root[:, None] - root
            near = (gap >= 0) & (gap < window)
        rooted = dot_product(
            q[self._trunk_slot].transpose(1, 2),
            k[self._trunk_slot].transpose(1, 2),
            v[self._trunk_slot].transpose(1, 2),
            near,
            scale,
        ).transpose(1, 2)
        out = out.index_put((self._trunk_slot[self._in_trunk],), rooted[self._in_trunk])
        if not len(self._branch_slot):
            return out
        seen = self._seen if window is None else self._seen & (self._distance < window)
        grown = dot_product(
            q[self._branch_slot].transpose(1, 2),
            k[self._keys].transpose(1, 2),
            v[self._keys].transpose(1, 2),
            seen.unsqueeze(1),
            scale,
        ).transpose(1, 2)
        live = self.exists[self._live]
        return out.index_put((self._branch_slot[live],), grown[live])
