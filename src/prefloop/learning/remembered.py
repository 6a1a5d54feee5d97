"""What a frozen model thinks of judged answers, worked out once and kept on disk (`kept`)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..batch import Batch
from ..models.decoder import Decoder
from .kept import remembered
from .learner import Network
from .update import logp_in_parts

_FORWARD = 1  # raise it when the same weights and tokens are to give other numbers than before
TOKENS = 8192
"""Tokens of one forward: enough to keep the machine busy, small beside the model."""


def remembered_logp(network: Network, batch: Batch, *, tokens: int, temperature: float = 1.0) -> Tensor:
    """As `logp_in_parts`; what is on disk is read there, and what is not is put there. In fp32.

    A network that has no `digest` of its weights is asked every time.
    """
    digest = getattr(network, "digest", None)
    if digest is None:
        return logp_in_parts(network, batch, tokens=tokens, temperature=temperature)

    def ask(some: Batch) -> Tensor:
        return logp_in_parts(network, some, tokens=tokens, temperature=temperature)

    known = remembered(batch, ask, kind="logprobs", name=f"{_FORWARD}-{digest()}", beside=(temperature,))
    logp = torch.zeros(batch["ids"].shape)
    for (p, k), row in known.items():
        logp[p, k, : len(row)] = row
    return logp.to(batch["ids"].device)


@torch.no_grad()
def features_in_parts(model: Decoder, batch: Batch, *, tokens: int) -> Tensor:
    """The hidden state that a `score` head reads of each response (P K D), at most so many `tokens` at a time."""
    parts = (batch.rows(a, b) for a, b in batch.split(tokens))
    return torch.cat([model.outputs(part, {"features"})["features"] for part in parts])


def remembered_features(model: Decoder, batch: Batch, *, tokens: int) -> Tensor:
    """As `features_in_parts`; what is on disk is read there, and what is not is put there. In fp32 on the CPU.

    It is that of the trunk alone: a model finds it again whose head was fitted to it, or which was told what its scores
    are on reference text.
    """

    def ask(some: Batch) -> Tensor:
        return features_in_parts(model, some, tokens=tokens)

    known = remembered(batch, ask, kind="features", name=f"{_FORWARD}-{model.trunk_digest()}")
    features = torch.zeros(*batch.lengths.shape, len(next(iter(known.values()))))
    for place, row in known.items():
        features[place] = row
    return features
