"""What a fitted reward model looks at: its channels, what it rewards, and where single scores come from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from ..evaluation.preference import Comparisons, accuracy
from ..evaluation.reward_report import Channel, Example, Explained
from ..evaluation.rewarded import Rewarded, rewarded
from ..feedback.sources import chance
from ..scoring.contributions import by_sentence, by_token
from ..scoring.model import made_one, model_score
from ..statistics import bootstrap_mean
from ..text import Group, Prompt
from .measured import channel_scores

SHOWN = 3
"""Pairs of answers that are taken to pieces."""


def channels(groups: Sequence[Group], model: Any, asked: Comparisons, *, seed: int) -> tuple[Channel, ...]:
    """What each channel is worth by itself, and what it adds to the gap; nothing for a model without channels."""
    if not model.channels:
        return ()
    scores = channel_scores(groups, model)
    places = [(pair, n) for n, pairs in enumerate(asked.observations) for pair in pairs]
    gaps = torch.stack([scores[better] - scores[worse] for (better, worse), _ in places])
    counts = made_one(torch.eye(len(model.channels)), model)
    gaps = gaps * counts
    clusters = [n for _, n in places]
    return tuple(
        Channel(
            name=name,
            accuracy=accuracy(scores[..., d].tolist(), asked),
            adds=bootstrap_mean(gaps[:, d].tolist(), clusters=clusters, seed=seed),
        )
        for d, name in enumerate(model.channels)
    )


def alike(groups: Sequence[Group], model: Any) -> list[str]:
    """A warning for every two channels that say the same of all answers: an ensemble of these is one model."""
    if not model.channels:
        return []
    scores = channel_scores(groups, model)
    return [
        f"the channels `{a}` and `{b}` say the same of all {len(groups)} held-out judgements: together they know no "
        "more than one of them. Let them learn from different judgements, or start them from different weights."
        for (i, a), (j, b) in combinations(enumerate(model.channels), 2)
        if torch.equal(scores[..., i], scores[..., j])
    ]


def what_is_rewarded(groups: Sequence[Group], model: Any, *, seed: int) -> Rewarded:
    """Lengths, formats and words that go with a high score; an answer that several judged counts once."""
    scores = _normalised(groups, model).tolist()
    by_prompt: dict[Prompt, dict[str, float]] = {}
    for group, row in zip(groups, scores, strict=True):
        for k, text in enumerate(group.texts):
            by_prompt.setdefault(group.prompt_of(k), {})[text] = row[k]
    return rewarded([tuple(answers.items()) for answers in by_prompt.values()], seed=seed)


def examples(groups: Sequence[Group], model: Any, asked: Comparisons, *, seed: int) -> tuple[Example, ...]:
    """Comparisons drawn with the seed, one an observation, with the parts that their scores come from."""
    drawn = chance(seed, "examples").sample(asked.observations, min(SHOWN, len(asked.observations)))
    found = []
    for (p, i), (q, j) in (pairs[0] for pairs in drawn):
        better, worse = _explained(groups[p], i, model), _explained(groups[q], j, model)
        found.append(Example(prompt=groups[p].prompt.shown, better=better, worse=worse))
    return tuple(found)


def _explained(group: Group, k: int, model: Any) -> Explained:
    alone = Group(prompt=group.prompt, prompt_ids=group.prompt_ids, responses=group.responses[k : k + 1])
    [cut], [tokens] = by_sentence(alone, lambda some: _normalised(some, model)), by_token(alone, model)
    score = float(_normalised([alone], model)[0, 0])
    return Explained(text=alone.texts[0], score=score, sentences=tuple(cut), tokens=tuple(tokens))


def _normalised(groups: Sequence[Group], model: Any) -> Tensor:
    """Scores (P K) in deviations of the reference; of channels the one number made of them."""
    return made_one(model_score(groups, model=model), model)
