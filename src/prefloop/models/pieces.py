"""Attention piece by piece, for a CPU: plain matrix products, and nothing of the size of the scores kept.

A piece is a run of queries with the one or two runs of keys it may look at: its trunk and itself. Runs are slices of
the packed axis, so no token is gathered, padded or attended to in vain, whatever else is in the batch:

    P = softmax(q k^T * scale + bias),  out = P v

    dv = P^T dout,  dP = dout v^T,  dS = P (dP - rowsum(P dP)),  dq = dS k * scale,  dk = dS^T q * scale

The backward computes P again. Queries that share a key head are folded into one matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_ROWS = 256  # queries at a time: the scores of a long sequence stay small, and half of them are never computed
_TOGETHER = 64  # short branches of one trunk are taken together up to so many tokens


@dataclass(frozen=True, slots=True)
class Piece:
    """Queries `rows` over the keys `seen`, in that order; `bias` (n m) is 0 where a query may look, else -inf."""

    rows: slice
    seen: tuple[slice, ...]
    bias: Tensor


_Cut = tuple[slice, tuple[slice, ...], Tensor]


def pieces(
    trunk: Sequence[int], branches: Sequence[Sequence[int]], *, window: int | None, dtype: torch.dtype
) -> list[Piece]:
    """Cut a packed axis of trunks and their branches (lengths in tokens) into pieces.

    >>> [(p.rows, p.seen) for p in pieces([3], [[2, 0, 70]], window=None, dtype=torch.float32)]
    [(slice(0, 5, None), (slice(0, 5, None),)), (slice(5, 75, None), (slice(0, 3, None), slice(5, 75, None)))]
    """
    found: list[_Cut] = []
    start = 0
    for root, lengths in zip(trunk, branches, strict=True):
        live = [n for n in lengths if n]
        first = root + (live[0] if live else 0)  # a trunk and its first branch are one ordinary sequence
        found += _causal(start, first, window)
        at = start + first
        for run in _together(live[1:]):
            found += _grown(slice(start, start + root), at, run, window)
            at += sum(run)
        start = at
    return [Piece(rows, seen, _bias(hidden, dtype)) for rows, seen, hidden in found]


def _together(lengths: Sequence[int]) -> list[list[int]]:
    """Runs of neighbours: short ones share a piece."""
    runs: list[list[int]] = []
    for n in lengths:
        if runs and sum(runs[-1]) + n <= _TOGETHER:
            runs[-1].append(n)
        else:
            runs.append([n])
    return runs


def _causal(start: int, length: int, window: int | None) -> list[_Cut]:
    """A sequence by itself."""
    found: list[_Cut] = []
    for a in range(0, length, _ROWS):
        b = min(a + _ROWS, length)
        key = 0 if window is None else max(0, a + 1 - window)
        distance = torch.arange(a, b)[:, None] - torch.arange(key, b)
        found.append((slice(start + a, start + b), (slice(start + key, start + b),), _far(distance, window)))
    return found


def _grown(trunk: slice, at: int, lengths: Sequence[int], window: int | None) -> list[_Cut]:
    """Neighbouring branches of one trunk: each sees the trunk and itself."""
    root = trunk.stop - trunk.start
    owner = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    own = torch.cat([torch.arange(n) for n in lengths])
    found: list[_Cut] = []
    for a in range(0, len(own), _ROWS):
        b = min(a + _ROWS, len(own))
        position = own[a:b, None]
        distance = torch.cat([root + position - torch.arange(root), position - own[:b]], dim=1)
        stranger = torch.cat([torch.zeros(b - a, root, dtype=torch.bool), owner[a:b, None] != owner[:b]], dim=1)
        found.append((slice(at + a, at + b), (trunk, slice(at, at + b)), _far(distance, window) | stranger))
    return found


def _far(distance: Tensor, window: int | None) -> Tensor:
    return (distance < 0) if window is None else (distance < 0) | (distance >= window)


def _bias(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, -torch.inf)


def attention(q: Tensor, k: Tensor, v: Tensor, cut: Sequence[Piece], scale: float) -> Tensor:
    """Attention of `q` (H N d) over `k`, `v` (H' N d) within each piece, giving (N H d)."""
    out: Tensor = _Attention.apply(q, k, v, cut, scale)  # type: ignore[no-untyped-call]
    return out


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, cut: Sequence[Piece], scale: float) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.cut, ctx.scale = cut, scale
        out = q.new_empty(q.shape[1], q.shape[0], v.shape[-1])
        for piece in cut:
            share = _share(_folded(q, piece, k), _taken(k, piece), piece, scale)
            _put(out, piece, share @ _taken(v, piece))
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        d_out = grads[0].transpose(0, 1)
        d_q = q.new_empty(q.shape[1], q.shape[0], q.shape[2])
        # Many pieces add to the keys of one trunk: their sum is kept in fp32.
        accumulate = torch.promote_types(k.dtype, torch.float32)
        d_k, d_v = torch.zeros_like(k, dtype=accumulate), torch.zeros_like(v, dtype=accumulate)
        for piece in ctx.cut:
            query, key, value = _folded(q, piece, k), _taken(k, piece), _taken(v, piece)
            share = _share(query, key, piece, ctx.scale)
            d = _folded(d_out, piece, k)
            _add(d_v, piece, share.transpose(1, 2) @ d)
            d_share = d @ value.transpose(1, 2)
            d_score = torch._softmax_backward_data(d_share, share, -1, share.dtype).mul_(ctx.scale)
            _put(d_q, piece, d_score @ key)
            _add(d_k, piece, d_score.transpose(1, 2) @ query)
        return d_q.transpose(0, 1), d_k.to(k.dtype), d_v.to(v.dtype), None, None


def _share(query: Tensor, key: Tensor, piece: Piece, scale: float) -> Tensor:
    """How each query divides its attention: softmax(q k^T * scale + bias), (H' H/H'*n m)."""
    scores = torch.bmm(query, key.transpose(1, 2))
    by_query = scores.view(len(scores), -1, *piece.bias.shape)
    torch.add(piece.bias, by_query, alpha=scale, out=by_query)
    return scores.softmax(-1)  # in fp32 inside, whatever the precision of the scores


def _folded(x: Tensor, piece: Piece, k: Tensor) -> Tensor:
    """The piece's queries (H n d) with the heads that share a key head in one matrix (H' H/H'*n d)."""
    return x[:, piece.rows].reshape(len(k), -1, x.shape[-1])


def _taken(x: Tensor, piece: Piece) -> Tensor:
    """The piece's keys or values (H' m d)."""
    return x[:, piece.seen[0]] if len(piece.seen) == 1 else torch.cat([x[:, s] for s in piece.seen], dim=1)


def _put(out: Tensor, piece: Piece, x: Tensor) -> None:
    """Write folded rows back, (H' H/H'*n d) to (n H d)."""
    n, heads = piece.rows.stop - piece.rows.start, out.shape[1]
    out[piece.rows] = x.view(heads, n, -1).transpose(0, 1)


def _add(total: Tensor, piece: Piece, x: Tensor) -> None:
    """Add a gradient of the piece's keys (H' m d) where they came from."""
    at = 0
    for s in piece.seen:
        total[:, s] += x[:, at : at + s.stop - s.start]
        at += s.stop - s.start
