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

_CHUNK_ELEMENTS = 16 * 2**20  # 64 MiB of fp32 logits


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


def _logits(hidden: Tensor, weight: Tensor, bias: Tensor | None, temperature: float) -> Tensor:
    logits = linear(hidden, weight, bias)
    accumulate = torch.promote_types(logits.dtype, torch.float32)
    return logits.to(accumulate).div_(temperature)


class _TokenLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        rows = max(1, _CHUNK_ELEMENTS // weight.shape[0])
        logps, entropies = [], []
        for h, t in zip(hidden.split(rows), target.split(rows), strict=True):  # type: ignore[no-untyped-call]
            logits = _logits(h, weight, bias, temperature)
            total = logits.logsumexp(-1)
            logps.append(logits.gather(-1, t.unsqueeze(-1)).squeeze(-1) - total)
            # exp(logits - total) is p; p . logits needs no second tensor of its size beyond p itself.
            p = (logits - total.unsqueeze(-1)).exp_()
            entropies.append(total - torch.linalg.vecdot(p, logits))
        logp, entropy = torch.cat(logps), torch.cat(entropies)
        ctx.save_for_backward(hidden, weight, bias, target, entropy)
        ctx.temperature, ctx.rows = temperature, rows
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, bias, target, entropy = ctx.saved_tensors
        g_logp, g_entropy = grads
        curved = bool(g_entropy.any())
        d_hidden, d_weight, d_bias = [], None, None
        for h, t, g, ge, e in zip(
            *(x.split(ctx.rows) for x in (hidden, target, g_logp, g_entropy, entropy)), strict=True
        ):
            logits = _logits(h, weight, bias, ctx.temperature)
            log_p = logits.sub_(logits.logsumexp(-1, keepdim=True))
            if curved:
                p = log_p.exp()
                d = log_p.add_(e.unsqueeze(-1)).mul_(ge.unsqueeze(-1)).add_(g.unsqueeze(-1)).mul_(p).neg_()
            else:
                d = log_p.exp_().mul_(-g.unsqueeze(-1))
            d.scatter_add_(-1, t.unsqueeze(-1), g.unsqueeze(-1).to(d.dtype))
            d = d.div_(ctx.temperature)
            if bias is not None:
                d_bias = d.sum(0) if d_bias is None else d_bias + d.sum(0)
            d = d.to(weight.dtype)
            d_hidden.append(d @ weight)
            if ctx.needs_input_grad[1]:
                part = d.T @ h
                d_weight = part if d_weight is None else d_weight + part
        return (
            torch.cat(d_hidden) if d_hidden else torch.zeros_like(hidden),
            d_weight,
            None if d_bias is None else d_bias.to(bias.dtype),
            None,
            None,
        )
