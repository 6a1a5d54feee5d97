"""Reward models under flipped labels: plain Bradley-Terry beside what is meant to stand them.

A quarter of the labels is turned round. On a linear toy every way is fitted to the same pairs, of which there are few,
more and many, and compared by how many new pairs it puts in the right order. With `--data` also on the hidden states
that a frozen language model has for people's judged pairs, and with `--train` on the whole language model, both by
accuracy on prompts held out, whose labels are as they were. Whatever comes out is printed, nothing chosen afterwards.

    python -m bench.noise                                   # the linear toy, five seeds
    python -m bench.noise --data F                          # hidden states of SmolLM2 as well
    python -m bench.noise --data F --train 200              # SmolLM2 fitted to 200 pairs as well
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from prefloop.binding import Bound, bind
from prefloop.feedback.judged import read_judged
from prefloop.loops.judged import as_taken, in_tokens
from prefloop.loops.networks import networks_of
from prefloop.loops.optimise import optimise
from prefloop.models.load import load
from prefloop.objectives.flips import known_flips
from prefloop.objectives.members import each_member
from prefloop.objectives.rewards import bradley_terry, smoothed_bradley_terry, soft_bradley_terry
from prefloop.objectives.votes import voted_margin
from prefloop.recipe import Data, Model
from prefloop.recipes import SMOLLM2, method
from prefloop.scoring.hidden import features_of
from prefloop.scoring.model import model_score
from prefloop.select import turned_by_vote
from prefloop.shaping.votes import voted_target, votes
from prefloop.text import Group

FLIPS, FEATURES, PRIOR, VOTERS, FOLDS = 0.25, 20, 1.0, 5, 5
PAIRS = (300, 600, 1000)
Way = Callable[[Tensor, int], Tensor]


def simulated(seed: int, pairs: int) -> tuple[Tensor, Tensor]:
    """Features of judged pairs (P 2 d), the preferred answer first but for the flips, and the weights of the reward."""
    draw = torch.Generator().manual_seed(seed)
    weights = torch.randn(FEATURES, generator=draw, dtype=torch.float64)
    x = torch.randn(pairs, 2, FEATURES, generator=draw, dtype=torch.float64)
    better = (x[:, 0] - x[:, 1]) @ weights > 0
    kept = torch.rand(pairs, generator=draw) > FLIPS
    return torch.where((better == kept)[:, None, None], x, x.flip(1)), weights


def fitted(objective: Bound, x: Tensor, said: Mapping[str, Tensor] | None = None, heads: int = 0) -> Tensor:
    """Weights of a linear head, or of several, by LBFGS with a Gaussian prior."""
    w = torch.zeros(x.shape[-1], heads or 1, dtype=x.dtype, requires_grad=True)

    def step() -> Tensor:
        read = {"scores": x @ w} if heads else {"score": (x @ w).squeeze(-1)}
        loss: Tensor = objective({**read, **(said or {})}).sum() + PRIOR / 2 * w.square().sum() / max(heads, 1)
        (w.grad,) = torch.autograd.grad(loss, w)
        return loss

    torch.optim.LBFGS([w], max_iter=300, line_search_fn="strong_wolfe").step(step)  # type: ignore[no-untyped-call]
    return w.detach()


def members(x: Tensor, seed: int) -> Tensor:
    """Several heads, each on its own bootstrap (d D)."""
    draw = torch.Generator().manual_seed(seed + 10_000)
    drawn = torch.stack(
        [torch.randint(len(x), (len(x),), generator=draw).bincount(minlength=len(x)) for _ in range(VOTERS)], -1
    )
    return fitted(bind(each_member), x, {"resampled": drawn}, heads=VOTERS)


def voted(x: Tensor, seed: int) -> Tensor:
    """What the members pay both answers of each pair (P 2 D)."""
    return x @ members(x, seed)


def unseen(x: Tensor, seed: int) -> Tensor:
    """What heads pay both answers of pairs that they were not fitted to (P 2 D)."""
    paid = x.new_zeros(len(x), 2, VOTERS)
    for voter in range(VOTERS):
        for part, kept in _folds(len(x), seed * VOTERS + voter):
            paid[part, :, voter] = (x[part] @ fitted(bind(bradley_terry), x[kept])).squeeze(-1)
    return paid


def _folds(pairs: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Every fold of so many pairs, beside the pairs that are not in it."""
    for part in torch.randperm(pairs, generator=torch.Generator().manual_seed(seed)).chunk(FOLDS):
        yield part, torch.ones(pairs, dtype=torch.bool).index_fill(0, part, False)


def _turned(x: Tensor, paid: Tensor, share: float) -> Tensor:
    places = turned_by_vote(paid, share=share)
    return fitted(bind(bradley_terry), x.gather(1, places.unsqueeze(-1).expand_as(x)))


def _knowing(x: Tensor) -> Tensor:
    return fitted(bind(known_flips, flips=FLIPS), x)


WAYS: dict[str, Way] = {
    "plain": lambda x, seed: fitted(bind(bradley_terry), x),
    "smoothed, 0.25": lambda x, seed: fitted(bind(smoothed_bradley_terry, smoothing=FLIPS), x),
    "known flips, 0.25": lambda x, seed: _knowing(x),
    "an eighth turned by vote": lambda x, seed: _turned(x, voted(x, seed), FLIPS / 2),
    "an eighth turned by heads that have not seen it": lambda x, seed: _turned(x, unseen(x, seed), FLIPS / 2),
    "a quarter turned by a head with known flips": lambda x, seed: _turned(x, x @ _knowing(x), FLIPS),
    "soft labels by vote": lambda x, seed: fitted(
        bind(soft_bradley_terry), x, {"target": voted_target(votes(voted(x, seed))[0])}
    ),
    "margin by vote": lambda x, seed: fitted(bind(voted_margin), x, {"strength": votes(voted(x, seed))[0]}),
    "mean of five heads": lambda x, seed: members(x, seed).mean(-1, keepdim=True),
}
"""How a reward is fitted to pairs of which a quarter is flipped."""


def accuracy(weights: Tensor, truth: Tensor, pairs: int = 20_000) -> float:
    """The share of new pairs that are put in the right order."""
    apart = torch.randn(pairs, len(truth), generator=torch.Generator().manual_seed(999), dtype=truth.dtype)
    return float(((apart @ weights).squeeze(-1) * (apart @ truth) > 0).double().mean())


def linear(seeds: range, pairs: int) -> dict[str, list[float]]:
    """The accuracy of every way, for every seed."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for seed in seeds:
        x, truth = simulated(seed, pairs)
        for name, way in WAYS.items():
            found[name].append(accuracy(way(x, seed), truth))
    return found


def judged(data: str) -> list[Group]:
    """The pairs of a file or a store, the preferred answer first."""
    return list(as_taken(read_judged(Data(source=data)), method("bradley-terry")()).groups)


def apart(groups: list[Group], seed: int, learnt: int) -> tuple[list[int], list[int]]:
    """Pairs to learn from, so many, and pairs of other prompts to measure on."""
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(groups), generator=draw).tolist()
    seen = {groups[i].prompt for i in order[:learnt]}
    return order[:learnt], [i for i in order[learnt:] if groups[i].prompt not in seen]


def turned(pairs: int, seed: int) -> Tensor:
    """Which of so many pairs are turned round."""
    return torch.rand(pairs, generator=torch.Generator().manual_seed(seed + 5_000)) < FLIPS


def hidden(groups: list[Group], model: str) -> Tensor:
    """Hidden states of a frozen model where a score would be read (P 2 d): mean 0, deviation 1 over all answers."""
    frozen = load(Model(source=model, head="score"), name="reward")
    x = features_of(groups, frozen).double()
    return (x - x.mean((0, 1))) / x.std((0, 1)).clamp_min(1e-6)


def scale(x: Tensor, seed: int) -> float:
    """What features are multiplied by, beside the prior: what suits plain Bradley-Terry best on pairs left out."""

    def right(by: float) -> float:
        found = []
        for part, kept in _folds(len(x), seed):
            gaps = (x[part, 0] - x[part, 1]) @ fitted(bind(bradley_terry), by * x[kept])
            found.append(float((gaps > 0).double().mean()))
        return statistics.fmean(found)

    return max((0.01, 0.03, 0.1, 0.3), key=right)


def frozen(groups: list[Group], x: Tensor, seeds: range) -> dict[str, list[float]]:
    """The held-out accuracy of every way on hidden states, seven tenths of the pairs learnt from."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for seed in seeds:
        learnt, held = apart(groups, seed, len(groups) * 7 // 10)
        flips = turned(len(learnt), seed)
        noisy = torch.where(flips[:, None, None], x[learnt].flip(1), x[learnt])
        noisy = noisy * scale(noisy, seed)
        for name, way in WAYS.items():
            gaps = (x[held, 0] - x[held, 1]) @ way(noisy, seed)
            found[name].append(float((gaps > 0).double().mean()))
    return found


def trained(groups: list[Group], model: str, learnt: int, seeds: range) -> dict[str, list[float]]:
    """The held-out accuracy of a language model of which every weight learns."""
    ways: dict[str, dict[str, Any]] = {
        "bradley-terry": {},
        "bradley-terry-smooth": {"smoothing": FLIPS},
        "known-flips": {"flips": FLIPS},
        "head-ensemble": {"members": VOTERS},
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for seed in seeds:
        train, held = apart(groups, seed, learnt)
        flips = turned(len(train), seed).tolist()
        noisy = [around(groups[i]) if flip else groups[i] for i, flip in zip(train, flips, strict=True)]
        for name, knobs in ways.items():
            recipe = replace(method(name)(model=model, lr=5e-5, **knobs), seed=seed)
            networks = networks_of(recipe, say=lambda _: None)
            optimise(recipe, networks=networks, judged=in_tokens(noisy, networks["reward"]))
            scores = model_score([groups[i] for i in held[: 2 * learnt]], model=networks["reward"])
            scores = scores.mean(-1) if scores.dim() > 2 else scores
            found[name].append(float((scores[:, 0] > scores[:, 1]).double().mean()))
    return found


def around(group: Group) -> Group:
    """A pair turned round."""
    return replace(group, responses=group.responses[::-1], labels=group.labels[::-1])


def table(found: Mapping[str, list[float]]) -> str:
    """Mean, range and the difference from the first way, seed by seed."""
    [first, *_] = found.values()
    lines = ["| way | accuracy | lowest to highest | above plain |", "| --- | --- | --- | --- |"]
    for name, values in found.items():
        gains = [v - p for v, p in zip(values, first, strict=True)]
        lines.append(
            f"| {name} | {statistics.fmean(values):.3f} | {min(values):.3f} to {max(values):.3f} "
            f"| {100 * statistics.fmean(gains):+.1f} points, {sum(g > 0 for g in gains)} of {len(gains)} seeds |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print all tables."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=5)
    ask.add_argument("--model", default=SMOLLM2)
    ask.add_argument("--data", help="judged pairs: a file or a feedback store")
    ask.add_argument("--train", type=int, help="fit the whole model as well, to so many pairs of the data")
    told = ask.parse_args()
    seeds = range(told.seeds)
    for pairs in PAIRS:
        print(f"{pairs} pairs, {FEATURES} features\n\n{table(linear(seeds, pairs))}\n", flush=True)
    if told.data:
        groups = judged(told.data)
        print("hidden states\n\n" + table(frozen(groups, hidden(groups, told.model), seeds)), flush=True)
        if told.train:
            print("\nthe whole model\n\n" + table(trained(groups, told.model, told.train, seeds)))


if __name__ == "__main__":
    main()
