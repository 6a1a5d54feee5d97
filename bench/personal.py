"""Are people of two tastes served better by their own reward than by one for all, on a language model's hidden states?

    python -m bench.personal pairs.jsonl

takes real pairs of answers, has simulated people of two minds judge them (all like what reads well, by VADER; the one
half wants many words, the other half few), fits VPL on SmolLM2's hidden states to what they say of three quarters of
the pairs, and prints the accuracy for people it has not seen on the others: by one reward for all, by z of ten
judgements, and by z of three judgements that were asked for at random or by what they would tell.
"""

import random
import sys
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from prefloop import Model, load
from prefloop.feedback.judged import read_judged
from prefloop.feedback.taste import sentiment
from prefloop.learning.heads import fitted_head
from prefloop.learning.newcomers import Belief
from prefloop.recipes import SMOLLM2
from prefloop.scoring.hidden import features_of
from prefloop.scoring.personal import PersonalReward, fit_personal
from prefloop.statistics import paired_bootstrap
from prefloop.text import Group

PEOPLE, EACH, NEW = 120, 30, 40


def judge(mind: int, texts: Sequence[str], draw: random.Random) -> bool:
    """Whether the first is preferred."""
    ahead = 2 * (sentiment("", texts[0]) - sentiment("", texts[1]))
    words = len(texts[0].split()) - len(texts[1].split())
    ahead += (1 if mind else -1) * words / 8
    return draw.random() < float(torch.tensor(ahead).sigmoid())


def judged(features: Tensor, groups: Sequence[Group], places: Sequence[int], mind: int, draw: random.Random) -> Tensor:
    """Features of pairs (n 2 d) as somebody of this mind judges them, the preferred first."""
    rows = [features[p] if judge(mind, groups[p].texts, draw) else features[p].flip(0) for p in places]
    return torch.stack(rows)


def right(score: Callable[[Tensor], Tensor], pairs: Tensor) -> float:
    """The share of pairs whose preferred answer has the higher score."""
    return float((score(pairs[:, 0]) > score(pairs[:, 1])).double().mean())


def asked(known: PersonalReward, pool: Tensor, draw: random.Random, active: bool, n: int = 3) -> list[float]:
    """What is known of somebody after so many questions, asked for by what they would tell or at random."""
    belief, left = Belief.of_anybody(known.others.shape[-1] - 1), list(range(len(pool)))
    for _ in range(n):
        told = belief.information(known.channels(pool[left]))
        at = left.pop(int(told.argmax()) if active else draw.randrange(len(left)))
        belief = belief.after(known.channels(pool[at : at + 1]))
    return belief.mean.tolist()


def main() -> None:
    groups = [g for g in read_judged(sys.argv[1]).groups]
    features = features_of(groups, load(Model(source=SMOLLM2, head="score"), name="reward"))[:, :2]
    draw = random.Random(0)
    train, test = list(range(len(groups) * 3 // 4)), list(range(len(groups) * 3 // 4, len(groups)))
    seen = [judged(features, groups, draw.sample(train, EACH), n % 2, draw) for n in range(PEOPLE)]
    known = fit_personal(torch.cat(seen), [f"p{n}" for n in range(PEOPLE) for _ in range(EACH)], steps=400)
    one = fitted_head(torch.cat(seen), price=1.0)
    ways = ("one reward for all", "ten judgements", "three at random", "three asked for")
    found: dict[str, list[float]] = {way: [] for way in ways}
    for n in range(NEW):
        pool = judged(features, groups, draw.sample(train, 40), n % 2, draw)
        new = judged(features, groups, test, n % 2, draw)
        found["one reward for all"].append(right(one.score, new))
        tastes = (known.read(pool[:10]), asked(known, pool, draw, False), asked(known, pool, draw, True))
        for name, z in zip(ways[1:], tastes, strict=True):
            found[name].append(right(partial(known.score, z=z), new))
    for name, shares in found.items():
        by = [sum(shares[m::2]) / len(shares[m::2]) for m in (0, 1)]
        print(f"{sum(shares) / NEW:.3f}  {name}: {by[0]:.3f} of those who want few words, {by[1]:.3f} of the others")
    print("ten judgements beside one reward:", paired_bootstrap(found["one reward for all"], found["ten judgements"]))
    print("asked for beside random:", paired_bootstrap(found["three at random"], found["three asked for"]))


if __name__ == "__main__":
    main()
