"""What a policy does on held-out prompts: its answers, what they are worth, and how far it has gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..batch import assemble
from ..ops import present, tsum
from ..recipe import Decoding
from ..sampling.generator import Generator
from ..statistics import Interval, bootstrap_mean, paired_bootstrap, win_rate
from ..text import Group, Message, Prompt, Response

Gold = Callable[[str, str], float]
_TOKENS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A policy's answers to the held-out prompts, K to each, with the gold score and the KL estimate of each.

    `gold` is None where nobody knows the people's true taste. `kl` is log pi(y|x) - log ref(y|x) in nats.
    """

    groups: tuple[Group, ...]
    gold: tuple[tuple[float, ...], ...] | None
    kl: tuple[tuple[float, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"groups": [asdict(g) for g in self.groups], "gold": self.gold, "kl": self.kl}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Measured:
        """The record that `to_json` wrote."""
        return cls(
            groups=tuple(_group(g) for g in plain["groups"]),
            gold=None if plain["gold"] is None else tuple(map(tuple, plain["gold"])),
            kl=tuple(map(tuple, plain["kl"])),
        )

    @property
    def lengths(self) -> list[list[int]]:
        """Tokens of every answer."""
        return [[len(r.ids) for r in g.responses] for g in self.groups]


def _group(plain: Mapping[str, Any]) -> Group:
    prompt = plain["prompt"]
    return Group(
        prompt=Prompt(text=prompt["text"], messages=tuple(Message(**m) for m in prompt["messages"])),
        prompt_ids=tuple(plain["prompt_ids"]),
        responses=tuple(
            Response(**{**r, "ids": tuple(r["ids"]), "mask": tuple(r["mask"]), "logp": tuple(r["logp"])})
            for r in plain["responses"]
        ),
    )


@torch.no_grad()
def measure_policy(
    generator: Generator,
    policy: Any,
    reference: Any,
    prompts: Sequence[Prompt],
    *,
    k: int,
    decoding: Decoding,
    gold: Gold | None,
    seed: int,
    added_kl: float = 0.0,
    progress: Callable[[int], None] | None = None,
) -> Measured:
    """Sample K answers to every prompt and score them. The same seed pairs the answers of two policies.

    `added_kl` is what the generator adds to the policy's own KL, such as log n - (n - 1) / n for the best of n.
    """
    groups = generator.sample(prompts, k=k, decoding=decoding, seed=seed, progress=progress)
    batch = assemble(groups)
    apart = torch.zeros(batch["mask"].shape[:2])
    if policy is not reference:
        gaps = []
        for a, b in batch.split(_TOKENS):
            rows = batch.rows(a, b)
            mine = policy.outputs(rows, ("logp",), temperature=decoding.temperature)["logp"]
            theirs = reference.outputs(rows, ("logp",), temperature=decoding.temperature)["logp"]
            gaps.append(tsum(mine - theirs, rows["mask"].to(mine.device)).cpu())
        apart = torch.cat(gaps)
    there = present(batch["mask"])
    return Measured(
        groups=tuple(groups),
        gold=None if gold is None else tuple(tuple(gold(g.prompt.shown, t) for t in g.texts) for g in groups),
        kl=tuple(tuple((row[ok] + added_kl).tolist()) for row, ok in zip(apart, there, strict=True)),
    )


def mean(rows: Sequence[Sequence[float]], *, seed: int) -> Interval:
    """Mean over all answers, with an interval from a bootstrap over prompts."""
    flat, clusters = _flat(rows)
    return bootstrap_mean(flat, clusters=clusters, seed=seed)


def difference(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], *, seed: int) -> Interval:
    """Mean over prompts of (mean after - mean before), with an interval from a paired bootstrap over prompts."""
    return paired_bootstrap([sum(b) / len(b) for b in before], [sum(a) / len(a) for a in after], seed=seed)


def wins(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> Interval:
    """Share of prompts where the first answer after beats the first answer before, ties half: one game a prompt.

    The games are independent, as Wilson's interval wants them; more games a prompt would not be.
    """
    games = [a[0] - b[0] for b, a in zip(before, after, strict=True)]
    return win_rate(sum(g > 0 for g in games), sum(g == 0 for g in games), sum(g < 0 for g in games))


def _flat(rows: Sequence[Sequence[float]]) -> tuple[list[float], list[int]]:
    return [x for row in rows for x in row], [p for p, row in enumerate(rows) for _ in row]
