"""Reward models of several channels that the prompt weighs (`armorm`): their score, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..batch import assemble
from ..errors import RewardError
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..ops import final, present
from ..statistics import spearman
from ..text import Group
from .model import AT_ONCE


@torch.no_grad()
def gated_score(groups: Sequence[Group], *, model: Decoder) -> Tensor:
    """The reward of every response (P K) by a model with a gate.

        reward = sum_d gate_d scores_d        of the scores without what they took for length, where `decorrelate` ran

    ArmoRM (Wang et al. 2024, arXiv 2406.12845).

    Raises:
        RewardError: the model has no gate.
    """
    scores, gate = gated_parts(groups, model)
    return (scores * gate.unsqueeze(1)).sum(-1)


def explained(groups: Sequence[Group], *, model: Decoder) -> list[list[dict[str, float]]]:
    """What each channel adds to the score of every response, the largest part first; they add up to `gated_score`.

    Raises:
        RewardError: the model has no gate.
    """
    scores, gate = gated_parts(groups, model)
    parts = (scores * gate.unsqueeze(1)).tolist()

    def named(numbers: Sequence[float]) -> dict[str, float]:
        return dict(sorted(zip(model.channels, numbers, strict=True), key=lambda part: -abs(part[1])))

    return [[named(row) for row in rows[: len(g.responses)]] for g, rows in zip(groups, parts, strict=True)]


@torch.no_grad()
def decorrelate(model: Decoder, groups: Sequence[Group]) -> dict[str, float]:
    """Make the channels of a reward model say nothing of length on these responses of a reference; their prices.

        scores_d = scores_d - price_d length,        such that Spearman's rank correlation with the length is 0

    as near as ranks can be. The length is that of the response in tokens. ArmoRM (Wang et al. 2024, arXiv 2406.12845)
    takes a price on the verbosity channel in place of the length itself. The checkpoint remembers the prices, and
    `scores` are without them from here on; a gate is fitted after that.

    Raises:
        RewardError: the model has no channels, or all responses are of one length.
    """
    if not model.channels:
        raise RewardError(f"{model.name} gives one number, and not several channels: there is nothing to weigh.")
    model.base.config.prefloop_length_prices = None
    batch = assemble([for_model(g, model.tokenizer, ending=model.ending) for g in groups])
    scores = torch.cat([model.outputs(batch.rows(a, b), {"scores"})["scores"] for a, b in batch.split(AT_ONCE)]).cpu()
    there = present(batch["mask"])
    lengths = final(batch["mask"])[there].double()
    if bool((lengths == lengths[:1]).all()):
        raise RewardError("all responses of the reference are of one length, which says nothing of how it is paid.")
    prices = [length_price(channel, lengths) for channel in scores[there].double().unbind(-1)]
    model.base.config.prefloop_length_prices = prices
    return dict(zip(model.channels, prices, strict=True))


def length_price(scores: Tensor, lengths: Tensor) -> float:
    """The price of a token at which the rank correlation of scores (N) with lengths (N) changes its sign, by bisection.

    The correlation falls as the price rises: of two responses the longer one only loses.

    >>> round(length_price(torch.tensor([2.0, 4.0, 6.0, 9.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])), 6)
    2.333333
    """
    # at a price as high as the scores are wide, a single token more decides who is ahead
    high = float(scores.max() - scores.min())
    low = -high
    for _ in range(60):
        middle = (low + high) / 2
        if spearman((scores - middle * lengths).tolist(), lengths.tolist()) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@torch.no_grad()
def gated_parts(groups: Sequence[Group], model: Decoder) -> tuple[Tensor, Tensor]:
    """The channels of every response (P K D) and how much each counts (P D).

    Raises:
        RewardError: the model has no gate.
    """
    if model.gate is None:
        raise RewardError(
            f"{model.name} has no gate that says how much each channel counts: fit one with `armorm`, or take "
            "`model_score` with fixed weights, `weighted_channels`."
        )
    batch = assemble([for_model(g, model.tokenizer, ending=model.ending) for g in groups])
    parts = [model.outputs(batch.rows(a, b), {"scores", "gate"}) for a, b in batch.split(AT_ONCE)]
    scores, gate = (torch.cat([part[name] for part in parts]).float().cpu() for name in ("scores", "gate"))
    return scores, gate
