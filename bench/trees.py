"""A reward model fitted to pairs from trees of answers, beside one fitted to independent answers.

Answers are sequences of tokens that a Markov chain says; the true reward is a weighted count of their bigrams, and
simulated people prefer as Bradley and Terry have it. Every way has as many judgements; each is fitted by LBFGS with the
same Gaussian prior, and told how sure it is by Laplace's approximation. Measured on pairs of new independent answers to
new prompts. How far rewards lie apart, in nats, decides how much a judgement tells, so that it is varied. Whatever
comes out is printed: nothing is chosen afterwards.

    python -m bench.trees                         # 100, 300 and 1,000 judgements, 20 seeds
    python -m bench.trees --judgements 300 --seeds 5
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from prefloop.binding import bind
from prefloop.objectives.rewards import bradley_terry
from prefloop.recipe import Decoding
from prefloop.sampling.branching import Branching, drawn_pairs, grow
from prefloop.scoring.laplace import Laplace
from prefloop.statistics import paired_bootstrap
from prefloop.text import Group, Prompt, Response

from .noise import PRIOR, fitted

WORDS, LENGTH, BRANCHES = 6, 12, (2, 2, 2)
TOKENS = LENGTH // len(BRANCHES)
LEAVES = math.prod(BRANCHES)
TEST = 2_000
SPREADS = (1.0, 4.0)
"""The standard deviation of the reward of independent answers, in nats."""


class Chain:
    """A policy that says each token by the one before it; a prompt is the number of the token it begins after."""

    def __init__(self, seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.steps = torch.randn(WORDS, WORDS, generator=draw).softmax(-1)

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Generator.sample`."""
        nothing: tuple[int, ...] = ()
        return self.go_on([(p, nothing) for p in prompts], k=k, decoding=decoding, seed=seed)

    def go_on(
        self,
        begun: Sequence[tuple[Prompt, tuple[int, ...]]],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Continuing.go_on`: answers have no end of their own."""
        draw = torch.Generator().manual_seed(seed)
        last = torch.tensor([first[-1] if first else int(p.shown) for p, first in begun]).repeat_interleave(k)
        new = []
        for _ in range(decoding.max_tokens):
            last = torch.multinomial(self.steps[last], 1, generator=draw).squeeze(-1)
            new.append(last)
        rows = torch.stack(new, -1).view(len(begun), k, -1).tolist()
        return [
            Group(prompt=p, responses=tuple(_response((*first, *row)) for row in some))
            for (p, first), some in zip(begun, rows, strict=True)
        ]


def _response(ids: tuple[int, ...]) -> Response:
    return Response(
        text=" ".join(map(str, ids)), ids=ids, mask=(1,) * len(ids), logp=(0.0,) * len(ids), finish="length"
    )


def features(groups: Sequence[Group]) -> Tensor:
    """How often each two tokens follow each other in each answer (P K d)."""
    ids = torch.tensor([[r.ids for r in g.responses] for g in groups])
    follow = ids[..., :-1] * WORDS + ids[..., 1:]
    return torch.nn.functional.one_hot(follow, WORDS * WORDS).sum(-2).double()


@dataclass(frozen=True)
class Toy:
    """A policy, the weights of the true reward, and features of new independent answers, one less another (N d).

    The deviation of the rewards of independent answers is `spread`.
    """

    policy: Chain
    truth: Tensor
    new: Tensor
    seed: int

    @classmethod
    def of(cls, seed: int, spread: float) -> Toy:
        """Drawn with the seed."""
        draw, nothing = torch.Generator().manual_seed(seed + 1_000), torch.empty(0)
        weights = torch.randn(WORDS * WORDS, generator=draw, dtype=torch.float64)
        toy = cls(Chain(seed), weights, nothing, seed)
        x = features(toy.answers(TEST, 2, 4))
        return replace(toy, truth=weights * spread / (x @ weights).std(), new=x[:, 0] - x[:, 1])

    def prompts(self, count: int) -> list[Prompt]:
        """Each token as often as any."""
        return [Prompt(text=str(n % WORDS)) for n in range(count)]

    def answers(self, count: int, k: int, part: int) -> list[Group]:
        """Independent ones, k to each of so many prompts."""
        how = Decoding(max_tokens=LENGTH)
        return self.policy.sample(self.prompts(count), k=k, decoding=how, seed=100 * self.seed + part)

    def trees(self, count: int) -> list[Branching]:
        """A tree to each of so many prompts."""
        how = Decoding(max_tokens=LENGTH)
        return grow(
            self.policy, self.prompts(count), branches=BRANCHES, tokens=TOKENS, decoding=how, seed=100 * self.seed
        )

    def judged(self, pairs: Tensor) -> Tensor:
        """Features of pairs (P 2 d), the one that was preferred first."""
        lead = (pairs[:, 0] - pairs[:, 1]) @ self.truth
        kept = torch.rand(len(pairs), generator=torch.Generator().manual_seed(self.seed + 2_000)) < lead.sigmoid()
        return torch.where(kept[:, None, None], pairs, pairs.flip(1))


def chain(toy: Toy, n: int) -> tuple[Tensor, float]:
    """Every pair has two answers of its own."""
    return features(toy.answers(n, 2, 1)), 2.0 * LENGTH


def mixed(toy: Toy, n: int) -> tuple[Tensor, float]:
    """Independent answers, as many to each prompt as a tree has leaves, and pairs drawn among them as among leaves."""
    groups = toy.answers(_prompts(n), LEAVES, 2)
    alike = [Branching(leaves=g, paths=tuple((i,) for i in range(LEAVES))) for g in groups]
    return _drawn(alike, n, toy.seed, None), LENGTH * LEAVES * len(groups) / n


def tree(*depths: int) -> Way:
    """Pairs of leaves that part at one of these depths, at any without them."""

    def way(toy: Toy, n: int) -> tuple[Tensor, float]:
        trees = toy.trees(_prompts(n))
        said = sum(TOKENS * math.prod(BRANCHES[: d + 1]) for d in range(len(BRANCHES)))
        return _drawn(trees, n, toy.seed, depths or None), said * len(trees) / n

    return way


Way = Callable[[Toy, int], tuple[Tensor, float]]
WAYS: dict[str, Way] = {
    "chain, two new answers each": chain,
    "chain, eight answers a prompt": mixed,
    "tree": tree(),
    "tree, nothing shared": tree(0),
    "tree, a third shared": tree(1),
    "tree, two thirds shared": tree(2),
}
"""How pairs to judge are come by, as features (P 2 d), and how many tokens were drawn for each."""


def _prompts(judgements: int) -> int:
    """So many that even the pairs that share most, four a tree less what was drawn twice, are enough."""
    return math.ceil(judgements / 3)


def _drawn(trees: Sequence[Branching], n: int, seed: int, depths: Collection[int] | None) -> Tensor:
    return features([pair for _, pair in drawn_pairs(trees, count=n, seed=seed, depths=depths)])


@dataclass(frozen=True)
class Found:
    """Of one fit: the share of new pairs in the right order, the posterior's variance and the squared error there."""

    accuracy: float
    variance: float
    error: float
    tokens: float


def measured(toy: Toy, way: Way, n: int) -> Found:
    """Fit a reward to so many judgements, and measure it on new independent answers."""
    pairs, tokens = way(toy, n)
    judged = toy.judged(pairs)
    w = fitted(bind(bradley_terry), judged).squeeze(-1)
    apart = judged[:, 0] - judged[:, 1]
    known = Laplace.of(apart, apart @ w, prior=PRIOR)
    true, lead = toy.new @ toy.truth, toy.new @ w
    told = true != 0  # some answers are the same
    return Found(
        accuracy=float((lead * true > 0)[told].double().mean()),
        variance=float(known.variance(toy.new).mean()),
        error=float((lead - true).square().mean()),
        tokens=tokens,
    )


def table(toys: Sequence[Toy], spread: float, n: int) -> str:
    """Every way with so many judgements, each mean with its difference from the first way, seed by seed."""
    found = {name: [measured(toy, way, n) for toy in toys] for name, way in WAYS.items()}
    first = found[next(iter(WAYS))]
    lines = [
        f"Rewards {spread:g} nat apart, {n:,} judgements:",
        "",
        "| pairs from | tokens a judgement | accuracy, % | above the first, points | posterior variance "
        "| times the first's | squared error | times the first's |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, values in found.items():
        gain = paired_bootstrap([100 * f.accuracy for f in first], [100 * f.accuracy for f in values])
        cells = [f"{values[0].tokens:.0f}", f"{100 * statistics.fmean(f.accuracy for f in values):.1f}"]
        cells.append(f"{gain.estimate:+.1f} [{gain.low:+.1f}, {gain.high:+.1f}]")
        for name_of in ("variance", "error"):
            mine, firsts = ([getattr(f, name_of) for f in some] for some in (values, first))
            cells += [f"{statistics.fmean(mine):.3f}", _ratio(firsts, mine)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _ratio(before: Sequence[float], after: Sequence[float]) -> str:
    """The geometric mean of the ratios, with its interval."""
    log = paired_bootstrap([math.log(x) for x in before], [math.log(x) for x in after])
    return f"{math.exp(log.estimate):.2f} [{math.exp(log.low):.2f}, {math.exp(log.high):.2f}]"


def main() -> None:
    """Print the tables."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=20)
    ask.add_argument("--judgements", type=int, nargs="+", default=[100, 300, 1_000])
    told = ask.parse_args()
    for spread in SPREADS:
        toys = [Toy.of(seed, spread) for seed in range(told.seeds)]
        for n in told.judgements:
            print(table(toys, spread, n), flush=True)


if __name__ == "__main__":
    main()
