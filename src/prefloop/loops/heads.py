"""Reward heads on a frozen model: nothing but the head learns, from hidden states that are worked out once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from ..errors import DataError, ModelError, RecipeError
from ..evaluation.calibration import won
from ..evaluation.preference import Comparisons, accuracy, compared
from ..feedback.judged import read_judged
from ..learning.heads import Head, fitted_head
from ..models.decoder import Decoder
from ..models.load import load, save
from ..prompts import kept_apart
from ..recipe import Data, Model
from ..recipes import SMOLLM2, method
from ..scoring.convex_head import save_head
from ..scoring.hidden import features_of
from ..statistics import Interval, paired_bootstrap
from ..text import Group
from .align import sizes
from .judged import as_taken, within_context
from .referenced import held_against
from .run_folder import write_text

FOUND = "head.json"
"""The file that has what was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitHead:
    """A reward head fitted to pairs on the hidden states of a frozen model, in one solve.

    The linear head is Bradley-Terry at its optimum. With `gates` a head of two layers is fitted beside it, in the form
    of COALA (`learning.heads`). held_out: the share of the prompts that is only measured on. ending: as of a `Model`.
    """

    data: Data
    model: str = SMOLLM2
    gates: int = 0
    held_out: float = 0.2
    ending: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1 or self.gates < 0:
            raise RecipeError(
                f"`held_out` is {self.held_out} and `gates` {self.gates}: the one is a share of prompts, such as 0.2, "
                "and the other a number of neurons, such as 32, or 0."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadFound:
    """What a head does on held-out prompts, and how near it is to its optimum (`learning.convex.Solved`)."""

    name: str
    accuracy: Interval
    price: float
    gradient: float
    short: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsFound:
    """The heads, the linear one first; by how much the second is right more often; and the plainest rule there is."""

    learnt: int
    heads: tuple[HeadFound, ...]
    gain: Interval | None
    longer: Interval
    notes: tuple[str, ...] = field(default_factory=tuple)


def fit_heads(wanted: FitHead, out: Path, *, say: Callable[[str], None] = lambda _: None) -> HeadsFound:
    """Fit the heads, and write `reward` (the model with the linear head), `convex` (the other head) and `head.json`.

    Raises:
        DataError: there are no pairs to learn from, or none to measure on.
        ModelError: the model has channels already.
    """
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        say(text)

    judged = as_taken(read_judged(wanted.data), method("bradley-terry")(), told=wanted.data.form)
    for text in judged.notes:
        note(text)
    model = load(Model(source=wanted.model, head="score", ending=wanted.ending), name="reward", say=say)
    if model.channels:
        raise ModelError(f"{wanted.model} gives the channels {', '.join(model.channels)}, and a head here gives one.")
    groups = within_context(judged.groups, model, say=note)
    train, held_out = ([g for g in groups if kept_apart(g.prompt, wanted.held_out) is side] for side in (False, True))
    if len(train) < 2 or not held_out:
        raise DataError(
            f"holding out {wanted.held_out:g} of the prompts leaves {len(train)} pairs to learn from and "
            f"{len(held_out)} to measure on: give more pairs, or change --held-out."
        )
    held_against(groups, model, "reward")
    seen = features_of([*train, *held_out], model)
    pairs, new = seen[: len(train), :2], seen[len(train) :]
    prompts = _numbers(train)
    linear = fitted_head(pairs, prompts=prompts, seed=wanted.seed)
    heads = {"bradley-terry": linear}
    if wanted.gates:
        heads[f"{wanted.gates} gates"] = fitted_head(pairs, gates=wanted.gates, prompts=prompts, seed=wanted.seed)
        save_head(list(heads.values())[-1], out)
    _put_on(model, linear, pairs)
    save(model, out / "reward")
    asked = compared(held_out, seed=wanted.seed)
    scores = [head.score(new) for head in heads.values()]
    found = HeadsFound(
        learnt=len(train),
        heads=tuple(_measured(n, h, s, asked) for (n, h), s in zip(heads.items(), scores, strict=True)),
        gain=_gain(scores[0], scores[1], asked, seed=wanted.seed) if wanted.gates else None,
        longer=accuracy(sizes(held_out, model), asked),
        notes=tuple(notes),
    )
    write_text(out / FOUND, json.dumps(asdict(found), indent=1))
    return found


def _numbers(groups: Sequence[Group]) -> list[int]:
    """For every group the number of its prompt."""
    number = {prompt: n for n, prompt in enumerate(dict.fromkeys(g.prompt for g in groups))}
    return [number[g.prompt] for g in groups]


@torch.no_grad()
def _put_on(model: Decoder, head: Head, pairs: Tensor) -> None:
    """Make a linear head the head of a model, with its mean and deviation on the answers it was fitted to."""
    [layer] = model.new_head()
    layer.copy_(head.flat().unsqueeze(0))
    scores = (pairs.to(layer) @ layer.T).double()
    model.base.config.prefloop_normalisation = {
        "mean": float(scores.mean()),
        "std": max(float(scores.std(correction=0)), 1e-6),
    }


def _measured(name: str, head: Head, scores: Tensor, asked: Comparisons) -> HeadFound:
    return HeadFound(
        name=name,
        accuracy=accuracy(scores.tolist(), asked),
        price=head.price,
        gradient=head.gradient,
        short=head.short,
    )


def _gain(one: Tensor, other: Tensor, asked: Comparisons, *, seed: int) -> Interval:
    """By how much `other` is right more often than `one`, by a paired bootstrap over prompts."""

    def shares(scores: Tensor) -> list[float]:
        leads = [[float(scores[a] - scores[b]) for a, b in pairs] for pairs in asked.observations]
        return [fmean(map(won, some)) for some in leads]

    return paired_bootstrap(shares(one), shares(other), seed=seed)
