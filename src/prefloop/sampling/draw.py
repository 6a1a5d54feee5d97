"""Drawing one token: temperature, the cuts, and inverse-CDF sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from ..recipe import Decoding


def draw(logits: Tensor, decoding: Decoding, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """One token per row, and its log-probability.

    `logits` (B V) fp32; `uniform` (B) in [0, 1) decides. The log-probability is that of the whole distribution at the
    temperature, before the cuts, the one the trainer computes. Temperature 0 takes the most probable token, with the
    log-probability it has at temperature 1.

    >>> draw(torch.tensor([[0.0, 9.0]]), Decoding(temperature=0.0), torch.tensor([0.5]))[0]
    tensor([1])
    """
    logp = (logits / decoding.temperature if decoding.temperature > 0 else logits).log_softmax(-1)
    if decoding.temperature > 0:
        cumulative = cut(logp, decoding).exp().cumsum(-1)
        total = cumulative[:, -1:]
        # Rounding may carry the goal up to the total, and past every token that can be drawn.
        goal = torch.minimum(uniform.to(total.dtype).unsqueeze(-1) * total, total.nextafter(torch.zeros_like(total)))
        token = torch.searchsorted(cumulative, goal, right=True).squeeze(-1)
    else:
        token = logp.argmax(-1)
    return token, logp.gather(-1, token.unsqueeze(-1)).squeeze(-1)


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
