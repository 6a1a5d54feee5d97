"""Two views of a hidden state, for losses that have to know an answer again in spite of some noise.

Decoders run without dropout, so that the sampler and the trainer agree on every log-probability. What makes the views
differ is dropout on the one hidden state that a score is read from, after the trunk, which is run once.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from ..batch import Batch

DROPPED = 0.1
"""The share of the numbers that is left out of each view."""


def seen_twice(features: Tensor, batch: Batch, *, at: str) -> Tensor:
    """Two views (P K 2 d) of a hidden state of every response (P K d).

        view_v = keep_v features / (1 - DROPPED)        keep_v 0 with the probability DROPPED, number by number

    What is kept is drawn anew for each answer and for each version `at` of the weights, and is a function of the two: a
    batch that is run in parts, twice or in another order has the same views, and a run that is resumed as well.

    >>> batch = Batch(trunks=(torch.tensor([1]),), lengths=torch.ones(1, 1, dtype=torch.long), tensors={})
    >>> views = seen_twice(torch.ones(1, 1, 1000), batch.having(ids=torch.ones(1, 1, 1)), at="reward@0")
    >>> views.shape, 0.85 < float((views > 0).float().mean()) < 0.95
    (torch.Size([1, 1, 2, 1000]), True)
    """
    p, k, d = features.shape
    kept = [
        torch.rand(2, d, generator=torch.Generator().manual_seed(_seed(at, trunk, ids[:n]))) >= DROPPED
        for trunk, answers, lengths in zip(batch.trunks, batch["ids"].cpu(), batch.lengths.tolist(), strict=True)
        for ids, n in zip(answers, lengths, strict=True)
    ]
    keep = torch.stack(kept).view(p, k, 2, d).to(features)
    return keep * features.unsqueeze(2) / (1 - DROPPED)


def _seed(at: str, prompt: Tensor, answer: Tensor) -> int:
    said = repr((at, prompt.tolist(), answer.tolist())).encode()
    return int.from_bytes(hashlib.sha256(said).digest()[:7], "big")
