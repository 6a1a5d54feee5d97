"""Reward models as scorers, on the text or on the tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..batch import assemble
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..text import Group

AT_ONCE = 8192
"""Tokens of one forward: enough to keep the machine busy, small beside the model."""


@torch.no_grad()
def model_score(groups: Sequence[Group], *, model: Decoder | tuple[Decoder, ...]) -> Tensor:
    """The reward model's score of every response (P K), normalised as its checkpoint says.

    Of several models the scores of each, P K D: an ensemble, for `shaping.channels` to make one of.

        reward = (score - mean) / std

    with the mean and standard deviation on the reference model's own samples (Ziegler et al. 2019, section 2.2).
    """
    if isinstance(model, tuple):
        return torch.stack([model_score(groups, model=one) for one in model], -1)
    return plain_scores([for_model(g, model.tokenizer, ending=model.ending) for g in groups], model)


@torch.no_grad()
def plain_scores(groups: Sequence[Group], model: Decoder) -> Tensor:
    """`model_score` of exactly these tokens, which are the model's own; nothing is put after them."""
    batch = assemble(groups)
    parts = [model.outputs(batch.rows(a, b), {"score"})["score"] for a, b in batch.split(AT_ONCE)]
    mean, std = normalisation(model)
    return (torch.cat(parts).float().cpu() - mean) / std


def normalisation(model: Decoder) -> tuple[float, float]:
    """Mean and standard deviation stored in a reward model's config; (0, 1) before it has any."""
    stored = getattr(model.base.config, "prefloop_normalisation", None) or {"mean": 0.0, "std": 1.0}
    return float(stored["mean"]), float(stored["std"])


def normalise(model: Decoder, groups: Sequence[Group]) -> tuple[float, float]:
    """Set the normalisation so that these samples of the reference model score mean 0 and variance 1."""
    model.base.config.prefloop_normalisation = None
    scores = model_score(groups, model=model)
    there = torch.tensor([[k < len(g.responses) for k in range(scores.shape[1])] for g in groups])
    chosen = scores[there]
    mean, std = float(chosen.mean()), float(chosen.std(correction=0))
    model.base.config.prefloop_normalisation = {"mean": mean, "std": max(std, 1e-6)}
    return normalisation(model)
