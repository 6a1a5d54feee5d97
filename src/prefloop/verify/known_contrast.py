"""What reward models with a loss on their hidden states, or learnt from a step ahead, are known to find."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..recipe import Recipe
from ..recipes import method
from .distance import PAIRS, Known, Verdict, verdicts
from .learn import from_population
from .pairwise import apart, chosen
from .problem import REWARD, total_variation
from .tabular import ANSWERS, prefix_rows


def simcse_reward() -> Known:
    """Eight pairs that share no answer, each in both orders.

    A pair's other order has the opposite difference. Any third pair adds exp(c / t) + exp(-c / t) to the denominator, c
    the cosine with it in one order and -c in the other, which is least at c = 0. In 8 dimensions all can be.
    """
    pairs = torch.arange(16).view(8, 2)

    def distance(recipe: Recipe) -> float:
        model = from_population(recipe, *chosen(apart(pairs=pairs).sigmoid(), pairs), steps=400)["reward"]
        scores, features = model.table[0].detach(), model.features[0].detach()
        across = normalize(features[pairs[:, 0]] - features[pairs[:, 1]], dim=-1)
        off = float((scores[pairs[:, 0]] - scores[pairs[:, 1]]).sigmoid().sub(apart(pairs=pairs).sigmoid()).abs().max())
        return max(off, float((across @ across.T - torch.eye(8)).abs().max()))

    return Known(
        recipe=method("simcse-reward")(contrast=1.0, temperature=1.0),
        what="how often people prefer each answer of eight pairs, and differences of features at right angles",
        distance=distance,
    )


def swav_reward() -> Known:
    """Four pairs that share no answer, each in both orders, of which people prefer neither answer.

    A pair's other order has the opposite difference, so that four prototypes do best as the ends of two axes at a right
    angle with every difference at one of them. Codes that share the rows out evenly put two pairs on either axis. Were
    people to prefer one answer, the rows at the two ends of an axis could weigh differently, and the angle with it.
    """
    pairs = torch.arange(8).view(4, 2)
    axes = torch.tensor([-1.0, 0.0, 0.0, 1.0], dtype=torch.float64)

    def distance(recipe: Recipe) -> float:
        model = from_population(recipe, *chosen(torch.full((4,), 1 / 2), pairs))["reward"]
        scores, features = model.table[0, pairs].detach(), model.features[0, pairs].detach()
        prototypes = normalize(model.directions[0, 1:].detach(), dim=-1)
        near = normalize(features[:, 0] - features[:, 1], dim=-1) @ prototypes.T
        share = torch.cat([near, -near]).argmax(-1).bincount(minlength=4) / 8
        off = (scores[:, 0] - scores[:, 1]).sigmoid() - 1 / 2, near.sort(-1).values - axes, share - 1 / 4
        return max(float(x.abs().max()) for x in off)

    return Known(
        recipe=method("swav-reward")(prototypes=4, contrast=1.0, temperature=1.0, epsilon=0.2, rounds=20),
        what="answers of four pairs that are worth the same, and as many differences at each end of two axes",
        distance=distance,
    )


def goal_conditioned() -> Known:
    """Answers that begin with one token beside answers that begin with another, in both orders.

    A state stands in the first part of the loss with states of its own answer alone, and in the second with those of an
    answer of the other kind, so that both are least at once: one direction for the one kind and its opposite.
    """
    first, second = (torch.where(ANSWERS[:, 0] == t)[0] for t in (0, 1))
    pairs = torch.cartesian_prod(first, second)
    both = torch.cat([first, second])

    def distance(recipe: Recipe) -> float:
        model = from_population(recipe, *chosen(apart(pairs=pairs).sigmoid(), pairs), steps=250)["reward"]
        score = total_variation(model.table[0, both].detach().softmax(-1), REWARD[both].softmax(-1))
        states = normalize(model.states[0].detach()[prefix_rows(ANSWERS[both]), ANSWERS[both]], dim=-1)
        sign = torch.where(ANSWERS[both, :1] == 0, 1.0, -1.0).to(states)
        return max(score, float((states @ states[0, 0] - sign).abs().max()))

    return Known(
        recipe=method("goal-conditioned")(),
        what="the people's reward up to a constant, and one direction for the states of either kind of answer",
        distance=distance,
    )


def leaning(drawn: Tensor, often: Tensor, rate: float) -> Tensor:
    """The rewards (64) from which a step of this rate up the slope of `told_apart` leads to the people's.

    That slope is written out for two draws (rows 2): of every two answers the weight of the rows that draw them, times
    the slope of 1/2 sigmoid(|apart|). It jumps where two rewards meet, and those that the step keeps together lie
    there: the iteration goes on in ever smaller parts.
    """
    beside = torch.zeros(len(ANSWERS), len(ANSWERS), dtype=REWARD.dtype)
    beside.index_put_((drawn[:, 0], drawn[:, 1]), often, accumulate=True)
    beside = beside + beside.T
    found = REWARD.clone()
    for step in range(1000):
        far = found.unsqueeze(-1) - found
        up = (beside / 2 * far.sign() * far.sigmoid() * (-far).sigmoid()).sum(-1)
        found = found + 2 / (step + 4) * (REWARD - rate * up - found)
    return found


def meta_rm(rate: float = 60.0) -> Known:
    """Beside every judged pair stand two draws, of some answers more often than of others.

    Learning rests where the slope of the comparisons is 0 at the end of the step ahead, and not at its beginning: the
    reward that is kept lies short of the people's by that step.
    """
    pairs, often = chosen(apart().sigmoid())
    source = torch.Generator().manual_seed(9)
    likely = torch.randn(len(ANSWERS), generator=source, dtype=REWARD.dtype).exp()[PAIRS].prod(-1)
    drawn = PAIRS[torch.multinomial(likely, len(pairs), replacement=True, generator=source)]
    target = leaning(drawn, often, rate)
    marked = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(len(pairs), -1)

    def distance(recipe: Recipe) -> float:
        answers = torch.cat([pairs, drawn], 1)
        found = from_population(recipe, answers, often, beside={"calibrated": marked})["reward"].table[0].detach()
        return total_variation(found.softmax(-1), target.softmax(-1))

    return Known(
        recipe=method("meta-rm")(ahead=rate, draws=2),
        what="the reward from which one step towards telling draws apart leads to the people's",
        distance=distance,
    )


CASES: dict[str, Callable[[], Known]] = {
    "goal-conditioned": goal_conditioned,
    "meta-rm": meta_rm,
    "simcse-reward": simcse_reward,
    "swav-reward": swav_reward,
}

KNOWN_CONTRAST: dict[str, Callable[[], Verdict]] = verdicts(CASES)
"""How each of them is verified."""
