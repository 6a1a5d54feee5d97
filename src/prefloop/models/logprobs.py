"""Log-probabilities and entropies of chosen tokens, without ever holding all the logits.

    logits = hidden @ weight.T / temperature
    logp   = logits[target] - logsumexp(logits)
    entropy = logsumexp(logits) - sum_v softmax(logits)_v logits_v

The language-model head runs in chunks of rows, in the weights' own precision with fp32 reductions. The backward
computes each chunk's logits again and turns them in place into their gradient

    d logits_v = g_logp (1[v = target] - p_v) - g_entropy p_v (log p_v + entropy)

so the memory is that of one chunk, whatever the vocabulary and the number of tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from .compiled import compiled

_CHUNK_ELEMENTS = 16 * 2**20  # 32 MiB of bf16 logits
_KEPT_CHUNKS = 3  # so many chunks of logits wait for the backward; the others are computed again


def token_logprobs(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, *, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Log-probability of each target and entropy of the distribution it was drawn from, in fp32 (nats).

    Shapes: `hidden` (R d), `weight` (V d), `bias` (V), `target` (R); both results (R).

    >>> logp, entropy = token_logprobs(torch.zeros(1, 2), torch.ones(4, 2), None, torch.tensor([3]))
    >>> logp, entropy
    (tensor([-1.3863]), tensor([1.3863]))
    """
    return _TokenLogprobs.apply(hidden, weight, bias, target, temperature)  # type: ignore[no-any-return, no-untyped-call]


class _TokenLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        rows = max(1, _CHUNK_ELEMENTS // weight.shape[0])
        training = any(ctx.needs_input_grad)
        read: list[tuple[Tensor, Tensor, Tensor]] = []
        kept: list[Tensor] = []
        for h, t in zip(hidden.split(rows), target.split(rows), strict=True):  # type: ignore[no-untyped-call]
            logits = linear(h, weight, bias)
            read.append(_read(logits, t, temperature))
            if training and len(kept) < _KEPT_CHUNKS:
                kept.append(logits)
        logp, entropy, total = (torch.cat(parts) for parts in zip(*read, strict=True))
        ctx.save_for_backward(hidden, weight, bias, target, entropy, total, *kept)
        ctx.temperature, ctx.rows = temperature, rows
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, target, entropy, total, *kept = ctx.saved_tensors
        d_hidden, d_weight, d_bias = [], None, None
        parts = zip(*(x.split(ctx.rows) for x in (hidden, target, *grads, entropy, total)), strict=True)
        for i, (h, t, g, ge, e, z) in enumerate(parts):
            logits = kept[i] if i < len(kept) else linear(h, weight, bias)
            d = _gradient(logits, t, g, ge, e, z, ctx.temperature)
            if bias is not None:
                d_bias = d.sum(0) if d_bias is None else d_bias + d.sum(0)
            d_hidden.append(d @ weight)
            if ctx.needs_input_grad[1]:
                d_weight = d.T @ h if d_weight is None else d_weight.addmm_(d.T, h)
        return torch.cat(d_hidden), d_weight, d_bias, None, None


@compiled
def _read(logits: Tensor, target: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probability of the target, entropy, and logsumexp of each row."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    total = logits.logsumexp(-1)
    expected = ((logits - total.unsqueeze(-1)).exp() * logits).sum(-1)
    return logits.gather(-1, target.unsqueeze(-1)).squeeze(-1) - total, total - expected, total


@compiled
def _gradient(
    logits: Tensor,
    target: Tensor,
    g_logp: Tensor,
    g_entropy: Tensor,
    entropy: Tensor,
    total: Tensor,
    temperature: float,
) -> Tensor:
    """The gradient of the logits, in their precision."""
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    logp = exact - total.unsqueeze(-1)
    hit = torch.arange(logits.shape[-1], device=logits.device) == target.unsqueeze(-1)
    g, ge, entropy = g_logp.unsqueeze(-1), g_entropy.unsqueeze(-1), entropy.unsqueeze(-1)
    return ((torch.where(hit, g, 0) - logp.exp() * (g + ge * (logp + entropy))) / temperature).to(logits.dtype)
