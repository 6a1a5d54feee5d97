"""Drawing one token: temperature, the cuts, and inverse-CDF sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.compiled import compiled
from ..recipe import Decoding

_BLOCK = 256  # of the vocabulary, if that is as large


def draw(logits: Tensor, decoding: Decoding, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """One token per row, and its log-probability in fp32 (nats).

    `logits` (B V); `uniform` (B) in [0, 1) decides. The log-probability is that of the whole distribution at the
    temperature, before the cuts, the one the trainer computes. Temperature 0 takes the most probable token, with the
    log-probability it has at temperature 1.

    >>> draw(torch.tensor([[0.0, 9.0]]), Decoding(temperature=0.0), torch.tensor([0.5]))[0]
    tensor([1])
    """
    temperature = decoding.temperature or 1.0
    size = min(_BLOCK, logits.shape[-1])
    if short := -logits.shape[-1] % size:
        logits = torch.nn.functional.pad(logits, (0, short), value=-torch.inf)
    mass, highest = _mass(logits.view(len(logits), -1, size), temperature)
    total = mass.sum(-1)
    if decoding.temperature == 0:
        token = logits.argmax(-1)
    elif decoding.top_k or decoding.top_p < 1 or decoding.min_p > 0:
        left = cut((logits.to(mass.dtype) / temperature).log_softmax(-1), decoding).exp()
        token, _ = _first_beyond(left, uniform * left.sum(-1))
    else:
        # In two strides, the block of the vocabulary and the token in it: the whole is read once and never written.
        block, rest = _first_beyond(mass, uniform * total)
        within = logits.view(len(logits), -1, size)[torch.arange(len(block)), block]
        within, _ = _first_beyond((within.to(mass.dtype) / temperature - highest).exp(), rest)
        token = block * size + within
    chosen = logits.gather(-1, token.unsqueeze(-1)).squeeze(-1).to(mass.dtype) / temperature
    return token, chosen - highest.squeeze(-1) - total.log()


@compiled
def _mass(logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Sums of exp(logit / temperature - highest) over each block (B blocks tokens), and the highest (B 1)."""
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    highest = exact.amax((1, 2), keepdim=True)
    return (exact - highest).exp().sum(-1), highest.squeeze(-1)


def _first_beyond(mass: Tensor, goal: Tensor) -> tuple[Tensor, Tensor]:
    """Where the running sum of `mass` (B n) first passes the goal (B), and how far into that place the goal lies."""
    cumulative = mass.cumsum(-1)
    total = cumulative[:, -1]
    # Rounding may carry the goal up to the total, and past every place that has any mass.
    goal = torch.minimum(goal.to(total), total.nextafter(torch.zeros_like(total))).unsqueeze(-1)
    at = torch.searchsorted(cumulative, goal, right=True)
    rest = goal - cumulative.gather(-1, at) + mass.gather(-1, at)
    return at.squeeze(-1), rest.squeeze(-1)


def cut(logp: Tensor, decoding: Decoding) -> Tensor:
    """Log-probabilities with the tokens that top-k, top-p and min-p leave out at minus infinity.

    top-k keeps the k most probable; top-p the fewest that together reach p (arXiv 1904.09751); min-p those at least
    min_p times as probable as the most probable one (arXiv 2407.01082). The most probable token always stays.
    """
    if decoding.top_k:
        floor = logp.topk(min(decoding.top_k, logp.shape[-1])).values[:, -1:]
        logp = logp.masked_fill(logp < floor, -torch.inf)
    if decoding.top_p < 1:
        ordered, index = logp.softmax(-1).sort(descending=True)
        beyond = ordered.cumsum(-1) - ordered >= decoding.top_p
        logp = logp.masked_fill(beyond.scatter(-1, index, beyond), -torch.inf)
    if decoding.min_p > 0:
        floor = logp.amax(-1, keepdim=True) + torch.tensor(decoding.min_p).log()
        logp = logp.masked_fill(logp < floor, -torch.inf)
    return logp
