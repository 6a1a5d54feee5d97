"""Reward models as scorers, on the text or on the tokens."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..batch import assemble
from ..errors import RewardError
from ..models.contract import must_be_beside
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..text import Group

LOG_DEVIATION = "log deviation"
"""What the name of a channel begins with that is the logarithm of the deviation of the channel before it."""

MEMBER = "member"
"""What the names of an ensemble's channels begin with."""
AT_ONCE = 8192
"""Tokens of one forward: enough to keep the machine busy, small beside the model."""


@torch.no_grad()
def model_score(groups: Sequence[Group], *, model: Decoder | tuple[Decoder, ...]) -> Tensor:
    """The reward model's score of every response (P K), normalised as its checkpoint says.

    Of several models the scores of each, P K D: an ensemble, for `shaping.channels` to make one of. So of one model
    with channels, each normalised by itself.

        reward = (score - mean) / std

    with the mean and standard deviation on the reference model's own samples (Ziegler et al. 2019, section 2.2).

    Raises:
        RewardError: two members of an ensemble are one and the same, so that their agreement would say nothing.
    """
    if isinstance(model, tuple):
        scores = torch.stack([model_score(groups, model=one) for one in model], -1)
        must_differ([one.name for one in model], lambda d: model[d].digest(), scores)
        return scores
    return plain_scores([for_model(g, model.tokenizer, ending=model.ending) for g in groups], model)


@torch.no_grad()
def plain_scores(groups: Sequence[Group], model: Decoder, *, at_once: int = AT_ONCE) -> Tensor:
    """`model_score` of exactly these tokens, which are the model's own; nothing is put after them.

    `at_once` is how many tokens are read in one forward, what the groups have in common counted once.

    Raises:
        ModelError: the model was fitted to answers beside a reference, and these have none.
    """
    must_be_beside(model.base.config, groups, model.name)
    batch = assemble(groups)
    name = "scores" if model.channels else "score"
    parts = [model.outputs(batch.rows(a, b), {name})[name] for a, b in batch.split(at_once)]
    scores = torch.cat(parts)
    members = [n for n, channel in enumerate(model.channels) if channel.startswith(MEMBER)]
    if members:
        names = [f"{model.name}'s {model.channels[n]}" for n in members]
        must_differ(names, lambda i: model.row(members[i]), scores[..., members])
    mean, std = normalisation(model)
    return (scores.float().cpu() - mean) / std


def must_differ(names: Sequence[str], weights: Callable[[int], Any], scores: Tensor | None = None) -> None:
    """Refuse an ensemble of which two members have the same `weights`.

    It is asked when a recipe's models are loaded, before anything is drawn, and again when they score, since members
    also come as channels of one model, which learn on, and from Python without a recipe. With `scores`, a number for
    each member at the end, weights are compared only of those that say the same of all answers: hardly ever.

    Raises:
        RewardError: names the two.
    """
    for a, b in itertools.combinations(range(len(names)), 2):
        alike = scores is None or bool((scores[..., a] == scores[..., b]).all())
        if alike and weights(a) == weights(b):
            raise RewardError(
                f"{names[a]} and {names[b]} have the same weights: an ensemble of copies is never in doubt. Fit each "
                "with a seed of its own (--set seed=1), or leave one out."
            )


def normalisation(model: Decoder) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation stored in a reward model's config, of each channel; 0 and 1 before it has any."""
    stored = getattr(model.base.config, "prefloop_normalisation", None) or {"mean": 0.0, "std": 1.0}
    return torch.tensor(stored["mean"]), torch.tensor(stored["std"])


def made_one(scores: Tensor, model: Decoder) -> Tensor:
    """One number for each response (... without D) of all channels: their weighted sum, or their mean without weights.

    The weights are those of the checkpoint (`Model.weights`). A model without channels has one number already.
    """
    if not model.channels:
        return scores
    weights = getattr(model.base.config, "prefloop_weights", None)
    return scores.mean(-1) if weights is None else scores @ torch.tensor(weights, dtype=scores.dtype)


def normalise(model: Decoder, groups: Sequence[Group]) -> dict[str, Any]:
    """Set the normalisation so that these samples of the reference model score mean 0 and variance 1; what was set.

    Each channel by itself; what is the logarithm of a deviation only follows the unit of what deviates.
    """
    model.base.config.prefloop_normalisation = None
    scores = model_score(groups, model=model)
    there = torch.tensor([[k < len(g.responses) for k in range(scores.shape[1])] for g in groups])
    chosen = scores[there]
    mean, std = chosen.mean(0), chosen.std(0, correction=0).clamp(min=1e-6)
    for d, channel in enumerate(model.channels):
        if channel.startswith(LOG_DEVIATION):  # it is in the unit of what it is the deviation of
            mean[d], std[d] = std[d - 1].log(), 1.0
    facts = {"mean": mean.tolist(), "std": std.tolist()}
    model.base.config.prefloop_normalisation = facts
    return facts
